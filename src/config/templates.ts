// The files that `plimsoll init` writes. In: an engine. Out: a starting plimsoll.yml and a workflow, ready but for
// the model and the load.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are quoted here, not filled

import type { Engine } from './engines.ts';

export const INIT_ENGINES = [
  'vllm',
  'sglang',
  'tgi',
  'trtllm',
  'llamacpp',
  'ollama',
  'sim',
] as const satisfies readonly Engine[];
export type InitEngine = (typeof INIT_ENGINES)[number];

export interface InitFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly content: string;
}

export function initFiles(engine: InitEngine): readonly InitFile[] {
  return [
    { path: 'plimsoll.yml', content: configuration(engine) },
    { path: '.github/workflows/plimsoll.yml', content: workflow(engine) },
  ];
}

const SCHEMA = 'https://raw.githubusercontent.com/plimsoll-dev/plimsoll/v0/schema/plimsoll.schema.json';
const MODEL = 'Qwen/Qwen2.5-7B-Instruct';
const HF_TOKEN = 'env: { HF_TOKEN: "${HF_TOKEN:-}" } # from the environment; masked, never recorded';

interface Template {
  readonly name: string;
  /** The lines of `deployment` between its name and its engine. */
  readonly deployment: readonly string[];
  readonly readyTimeout: string;
  readonly model: string;
  /** Highest load of the ramp, in requests per second; the rest of the loads follow from it. */
  readonly top: number;
}

const TEMPLATES: Readonly<Record<InitEngine, Template>> = {
  vllm: {
    name: 'qwen2.5-7b-vllm',
    deployment: [
      `command: [vllm, serve, ${MODEL}, --host, 127.0.0.1, --port, "8000", --max-model-len, "8192", --gpu-memory-utilization, "0.90"]`,
      HF_TOKEN,
      'url: http://127.0.0.1:8000',
    ],
    readyTimeout: '15m',
    model: MODEL,
    top: 40,
  },
  sglang: {
    name: 'qwen2.5-7b-sglang',
    deployment: [
      `command: [python3, -m, sglang.launch_server, --model-path, ${MODEL}, --host, 127.0.0.1, --port, "30000", --context-length, "8192", --mem-fraction-static, "0.85", --enable-metrics]`,
      HF_TOKEN,
      'url: http://127.0.0.1:30000',
    ],
    readyTimeout: '15m',
    model: MODEL,
    top: 40,
  },
  tgi: {
    name: 'qwen2.5-7b-tgi',
    deployment: [
      `command: [text-generation-launcher, --model-id, ${MODEL}, --hostname, 127.0.0.1, --port, "8080", --max-input-tokens, "4096", --max-total-tokens, "8192", --max-concurrent-requests, "512"]`,
      HF_TOKEN,
      'url: http://127.0.0.1:8080',
    ],
    readyTimeout: '15m',
    model: MODEL,
    top: 40,
  },
  trtllm: {
    name: 'qwen2.5-7b-trtllm',
    deployment: [
      `command: [trtllm-serve, ${MODEL}, --host, 127.0.0.1, --port, "8000", --max_batch_size, "128", --max_num_tokens, "8192", --max_seq_len, "8192", --kv_cache_free_gpu_memory_fraction, "0.90"]`,
      HF_TOKEN,
      'url: http://127.0.0.1:8000',
    ],
    readyTimeout: '30m', // engines may be built at the first boot
    model: MODEL,
    top: 40,
  },
  llamacpp: {
    name: 'qwen2.5-7b-llamacpp',
    deployment: [
      'command: [llama-server, --hf-repo, "Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M", --host, 127.0.0.1, --port, "8080", --ctx-size, "32768", --parallel, "16", --n-gpu-layers, "99", --metrics]',
      'url: http://127.0.0.1:8080',
    ],
    readyTimeout: '15m',
    model: 'qwen2.5-7b-instruct',
    top: 8,
  },
  ollama: {
    name: 'qwen2.5-7b-ollama',
    deployment: [
      '# The model must be on the machine: `ollama pull qwen2.5:7b`, once.',
      'command: [ollama, serve]',
      'env: { OLLAMA_HOST: "127.0.0.1:11434", OLLAMA_NUM_PARALLEL: "8", OLLAMA_KEEP_ALIVE: "-1" }',
      'url: http://127.0.0.1:11434',
    ],
    readyTimeout: '2m',
    model: 'qwen2.5:7b',
    top: 8,
  },
  sim: {
    name: 'simulated',
    deployment: [
      '# `plimsoll` must be on the PATH; the workflow has a step for that.',
      'command: [plimsoll, sim, --port, "18000"]',
      'url: http://127.0.0.1:18000',
    ],
    readyTimeout: '1m',
    model: 'sim',
    top: 40,
  },
};

function configuration(engine: InitEngine): string {
  const { name, deployment, readyTimeout, model, top } = TEMPLATES[engine];
  const level = top / 4;
  return `# yaml-language-server: $schema=${SCHEMA}
# What is booted, what is sent, and what must hold. \`plimsoll validate\` says what this would run, and for how long.
deployment:
  name: ${name}
${deployment.map((line) => `  ${line}`).join('\n')}
  ready: { timeout: ${readyTimeout} }
  engine: ${engine}
workload:
  model: ${model}
  prompts: { kind: synthetic, languages: [en, code], tokens: { uniform: [64, 512] } }
  output: { uniform: [32, 256] }
slo: { ttft: 1s, tpot: 60ms } # per request: a rate is held while at most 5 % of requests miss these
stages:
  benchmark:  { rate: ${level}/s, duration: 150s }
  linear:     { from: ${top / 8}/s, to: ${top}/s, steps: 8, hold: 45s }
  step-surge: { base: ${level}/s, surges: [${top}/s], hold: 30s, recover: 90s }
sla: # gold is what you want, tolerance is what you accept; past it the job fails
  - { metric: ttft.p95, stage: benchmark, gold: "< 1s", tolerance: "< 2s" }
  - { metric: tpot.p95, stage: benchmark, gold: "< 60ms", tolerance: "< 100ms" }
  - { metric: errors.rate, stage: benchmark, gold: "< 0.5%", tolerance: "< 2%" }
`;
}

/** The simulated engine comes with Plimsoll, as a bundle that needs Node alone. */
const INSTALL = `      - uses: actions/setup-node@v5
        with:
          node-version: 24
      - uses: actions/checkout@v5
        with:
          repository: plimsoll-dev/plimsoll
          ref: v0
          path: .plimsoll
          persist-credentials: false
      - name: Put the simulated engine on the path
        run: |
          chmod +x .plimsoll/dist/cli.js
          mkdir -p "$RUNNER_TEMP/bin"
          ln -sf "$PWD/.plimsoll/dist/cli.js" "$RUNNER_TEMP/bin/plimsoll"
          echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
`;

/** A job that failed is the one whose files are wanted. */
const UPLOAD = `      - uses: actions/upload-artifact@v5
        if: always()
        with:
          name: plimsoll
          path: plimsoll-out
`;

function workflow(engine: InitEngine): string {
  const install = engine === 'sim' ? INSTALL : '';
  const runner = engine === 'sim' ? 'ubuntu-latest' : '[self-hosted, linux, x64] # add the label of your GPU runners';
  const token = TEMPLATES[engine].deployment.includes(HF_TOKEN)
    ? '        env:\n          HF_TOKEN: ${{ secrets.HF_TOKEN }}\n'
    : '';
  return `# Gates pull requests, and records baselines on main and on release branches.
name: Plimsoll
on:
  pull_request:
  push:
    branches: [main, 'release/**']
    paths-ignore: ['baselines/**']
  workflow_dispatch:
permissions:
  contents: read
jobs:
  gate:
    if: github.event_name == 'pull_request'
    concurrency:
      group: plimsoll-\${{ github.ref }}
      cancel-in-progress: true
    runs-on: ${runner}
    timeout-minutes: 180
    permissions:
      contents: read
      pull-requests: write
    steps:
      - uses: actions/checkout@v5
        with:
          persist-credentials: false
${install}      - uses: plimsoll-dev/plimsoll@v0
${token}${UPLOAD}  baseline: # no concurrency: GitHub would cancel the run that waits, and its boot would be lost
    if: github.event_name != 'pull_request'
    runs-on: ${runner}
    timeout-minutes: 60
    permissions:
      contents: write # the commit; where the branch is protected, a branch with a pull request
      pull-requests: write
    steps:
      - uses: actions/checkout@v5
        with:
          persist-credentials: false
${install}      - uses: plimsoll-dev/plimsoll@v0
        with:
          mode: baseline
${token}${UPLOAD}`;
}
