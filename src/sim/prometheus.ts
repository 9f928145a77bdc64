// The simulated engine's gauges as Prometheus text, under the names of vLLM v1.

import type { Gauges } from './model.ts';
import type { SimOptions } from './options.ts';

export function metricsText(gauges: Gauges, options: SimOptions): string {
  const model = `model_name=${JSON.stringify(options.model)},engine="0"`;
  const lines: string[] = [];
  const add = (
    name: string,
    kind: 'gauge' | 'counter',
    help: string,
    values: Readonly<Record<string, number>>,
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const [labels, value] of Object.entries(values)) lines.push(`${name}{${model}${labels}} ${value}`);
  };
  const gauge = (name: string, help: string, value: number) => add(name, 'gauge', help, { '': value });
  const counter = (name: string, help: string, value: number) => add(name, 'counter', help, { '': value });

  gauge('vllm:num_requests_running', 'Number of requests in model execution batches.', gauges.running);
  gauge('vllm:num_requests_waiting', 'Number of requests waiting to be processed.', gauges.waiting);
  gauge('vllm:kv_cache_usage_perc', 'KV-cache usage. 1 means 100 percent usage.', gauges.kvShare);
  counter('vllm:num_preemptions_total', 'Cumulative number of preemptions.', gauges.preemptions);
  counter('vllm:prompt_tokens_total', 'Number of prefill tokens processed.', gauges.promptTokens);
  counter('vllm:generation_tokens_total', 'Number of generation tokens processed.', gauges.generatedTokens);
  counter('vllm:prefix_cache_queries_total', 'Prefix cache queries, in tokens.', gauges.prefixQueryTokens);
  counter('vllm:prefix_cache_hits_total', 'Prefix cache hits, in tokens.', gauges.prefixHitTokens);
  add(
    'vllm:request_success_total',
    'counter',
    'Count of processed requests by finish reason.',
    Object.fromEntries(
      Object.entries(gauges.finished).map(([reason, count]) => [`,finished_reason="${reason}"`, count]),
    ),
  );
  const cache = `,block_size="${options.blockTokens}",num_gpu_blocks="${options.kvBlocks}"`;
  add('vllm:cache_config_info', 'gauge', 'Information of the LLMEngine CacheConfig.', { [cache]: 1 });
  return `${lines.join('\n')}\n`;
}
