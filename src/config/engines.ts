// What Plimsoll knows about each engine, as data: its paths, the body fields it takes beyond the OpenAI API, and
// how it names its gauges. Workload, deployment and monitor read it; nothing here does anything.

export const ENGINES = ['vllm', 'sglang', 'tgi', 'trtllm', 'llamacpp', 'ollama', 'sim', 'openai'] as const;
export type Engine = (typeof ENGINES)[number];

export interface EngineFacts {
  readonly label: string;
  /** Answers 2xx once the model is loaded. The default of `deployment.ready.path`. */
  readonly readyPath: string;
  /** Prometheus text; null = the engine has none (or none that is on by itself under a known path). */
  readonly metricsPath: string | null;
  /** JSON that names the engine's version; null = it tells no one. */
  readonly versionPath: string | null;
  /** Where in that JSON, outermost first. */
  readonly versionFields: readonly string[];
  /**
   * Body fields beyond the OpenAI API that make an answer reach the length asked for. An engine that does not
   * know a field may refuse the request, so none is sent on the off chance.
   */
  readonly fixedLength: { readonly ignoreEos: boolean; readonly minTokens: boolean };
  /** POST that takes text in this field and counts its tokens; null = the engine has none that is known. */
  readonly tokenize: { readonly path: string; readonly field: 'prompt' | 'inputs' | 'content' } | null;
  /** Names by age, newest first: the first that is present is read. `kvCache` is a share, 0 to 1, in all of them. */
  readonly metricNames: {
    readonly running: readonly string[];
    readonly waiting: readonly string[];
    readonly kvCache: readonly string[];
    readonly preemptions: readonly string[];
  };
}

const VLLM_NAMES: EngineFacts['metricNames'] = {
  running: ['vllm:num_requests_running'],
  waiting: ['vllm:num_requests_waiting'],
  kvCache: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'],
  preemptions: ['vllm:num_preemptions_total', 'vllm:num_preemptions'],
};
const NO_NAMES: EngineFacts['metricNames'] = { running: [], waiting: [], kvCache: [], preemptions: [] };

export const ENGINES_TABLE: Readonly<Record<Engine, EngineFacts>> = {
  vllm: {
    label: 'vLLM',
    readyPath: '/health',
    metricsPath: '/metrics',
    versionPath: '/version',
    versionFields: ['version'],
    fixedLength: { ignoreEos: true, minTokens: true },
    tokenize: { path: '/tokenize', field: 'prompt' },
    metricNames: VLLM_NAMES,
  },
  sglang: {
    label: 'SGLang',
    readyPath: '/health',
    metricsPath: '/metrics', // with --enable-metrics
    versionPath: '/get_server_info',
    versionFields: ['version'],
    fixedLength: { ignoreEos: true, minTokens: true },
    tokenize: { path: '/tokenize', field: 'prompt' },
    metricNames: {
      running: ['sglang:num_running_reqs'],
      waiting: ['sglang:num_queue_reqs'],
      kvCache: ['sglang:token_usage'],
      preemptions: ['sglang:num_retracted_requests_total', 'sglang:num_retracted_reqs'],
    },
  },
  tgi: {
    label: 'TGI',
    readyPath: '/health',
    metricsPath: '/metrics',
    versionPath: '/info',
    versionFields: ['version'],
    fixedLength: { ignoreEos: false, minTokens: false },
    tokenize: { path: '/tokenize', field: 'inputs' },
    metricNames: { running: ['tgi_batch_current_size'], waiting: ['tgi_queue_size'], kvCache: [], preemptions: [] },
  },
  trtllm: {
    label: 'TensorRT-LLM',
    readyPath: '/health',
    metricsPath: '/prometheus/metrics', // /metrics is JSON
    versionPath: '/version',
    versionFields: ['version'],
    fixedLength: { ignoreEos: true, minTokens: true },
    tokenize: null,
    metricNames: {
      running: ['trtllm_num_requests_running'],
      waiting: ['trtllm_num_requests_waiting'],
      kvCache: ['trtllm_kv_cache_utilization'],
      preemptions: [],
    },
  },
  llamacpp: {
    label: 'llama.cpp',
    readyPath: '/health',
    metricsPath: '/metrics', // with --metrics
    versionPath: '/props',
    versionFields: ['build_info'],
    fixedLength: { ignoreEos: true, minTokens: false },
    tokenize: { path: '/tokenize', field: 'content' },
    metricNames: {
      running: ['llamacpp:requests_processing'],
      waiting: ['llamacpp:requests_deferred'],
      kvCache: ['llamacpp:kv_cache_usage_ratio'], // older builds
      preemptions: [],
    },
  },
  ollama: {
    label: 'Ollama',
    readyPath: '/api/version',
    metricsPath: null,
    versionPath: '/api/version',
    versionFields: ['version'],
    fixedLength: { ignoreEos: false, minTokens: false },
    tokenize: null,
    metricNames: NO_NAMES,
  },
  sim: {
    label: 'the simulated engine',
    readyPath: '/health',
    metricsPath: '/metrics',
    versionPath: '/version',
    versionFields: ['version'],
    fixedLength: { ignoreEos: true, minTokens: true },
    tokenize: null,
    metricNames: VLLM_NAMES,
  },
  openai: {
    label: 'an OpenAI-compatible server',
    readyPath: '/v1/models',
    metricsPath: null,
    versionPath: null,
    versionFields: [],
    fixedLength: { ignoreEos: false, minTokens: false },
    tokenize: null,
    metricNames: NO_NAMES,
  },
};
