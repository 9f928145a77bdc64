// Configurations that are wrong, each in its own way. What is said about them: test/golden/config-errors.txt.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are what is tested

const HEAD = `deployment:
  name: tiny
  command: [serve]
  url: http://127.0.0.1:8000
workload:
  model: tiny
`;

export const BAD_FILES: readonly { readonly name: string; readonly yaml: string }[] = [
  { name: 'empty', yaml: '' },
  { name: 'a list', yaml: '- deployment\n- workload\n' },
  { name: 'broken YAML', yaml: 'deployment: { name: tiny\nworkload: x\n' },
  { name: 'a key twice', yaml: `${HEAD}slo: { ttft: 1s }\nslo: { ttft: 2s }\n` },
  { name: 'tabs', yaml: 'deployment:\n\tname: tiny\n' },
  { name: 'unknown tag', yaml: `${HEAD}slo: !secret x\n` },
  { name: 'sections missing', yaml: 'slo: { ttft: 1s }\n' },
  {
    name: 'unknown keys, near and far',
    yaml: `${HEAD}  promts: { kind: synthetic }\nstage: {}\nwhatever: 1\n`,
  },
  {
    name: 'deployment, many at once',
    yaml: `deployment:
  name: a b
  kind: proces
  command: [serve, --port, 8000]
  env: { PORT: 8000, DEBUG: true }
  url: ftp://host
  ready: { path: health, timeout: 60 }
  engine: vlm
  stopTimeout: soon
workload: { model: "" }
`,
  },
  { name: 'process without command', yaml: 'deployment: { name: a, url: "http://h:1" }\nworkload: { model: m }\n' },
  {
    name: 'external with command',
    yaml: 'deployment: { name: a, kind: external, command: [x], url: "http://h:1" }\nworkload: { model: m }\n',
  },
  {
    name: 'lengths',
    yaml: `${HEAD}  prompts: { kind: synthetic, tokens: { uniform: [5] } }
  output: { unifrm: [1, 2] }
`,
  },
  {
    name: 'lengths out of order',
    yaml: `${HEAD}  prompts: { kind: synthetic, languages: [en, klingon], tokens: { mix: [{ weight: 1, uniform: [9, 3] }, { weight: 0, constant: 3 }, { constant: 3 }] } }
  output: { lognormal: { median: 100, sigma: 1, min: 50, max: 20 } }
`,
  },
  {
    name: 'a trace beside what it says itself',
    yaml: `${HEAD}  prompts: { kind: synthetic, sharedPrefix: { groups: 0, tokens: 8 } }
stages:
  benchmark: { replay: { file: t.jsonl, speedup: 0 }, rate: 5/s, arrivals: { gamma: { burstiness: 0 } } }
`,
  },
  {
    name: 'a trace with prompts of a file',
    yaml: `${HEAD}  prompts: { kind: jsonl, file: p.jsonl }
stages: { benchmark: { replay: { file: t.jsonl } } }
`,
  },
  {
    name: 'other prompts',
    yaml: `${HEAD}  prompts: { kind: json, file: x }
  temperature: hot
  body: { stream: true, top_p: 0.9 }
`,
  },
  {
    name: 'prompts without kind',
    yaml: `${HEAD}  prompts: { languages: [en] }\n  temperature: { gradient: [0.1, 3] }\n`,
  },
  {
    name: 'stages that cannot be',
    yaml: `${HEAD}stages:
  benchmark: { rate: 8/s, users: 4 }
  linear: { from: 10/s, to: 5/s, hold: "60" }
  step-surge: { base: 8/s, surges: [16/s, 8/s] }
`,
  },
  {
    name: 'a ramp that goes down',
    yaml: `${HEAD}stages:\n  linear: { from: 60%, to: 50% }\n  benchmark: { think: 1s, rate: 0/s }\n`,
  },
  { name: 'think without users', yaml: `${HEAD}stages:\n  benchmark: { rate: 5/s, think: { between: [2s, 3s] } }\n` },
  {
    name: 'more users and workers than may be in flight',
    yaml: `${HEAD}stages:\n  benchmark: { users: 20 }\nclient: { maxInFlight: 5, workers: 6 }\n`,
  },
  { name: 'more users than the default cap', yaml: `${HEAD}stages:\n  benchmark: { users: 10001 }\n` },
  { name: 'no load', yaml: `${HEAD}stages:\n  benchmark: { rounds: 60 }\n  liner: {}\n` },
  { name: 'an empty stage', yaml: `${HEAD}stages:\n  linear:\n` },
  {
    name: 'rules on metrics',
    yaml: `${HEAD}sla:
  - { metric: ttft, gold: "< 1s" }
  - { metric: ttft.p98, gold: "< 1s" }
  - { metric: tft.p95, gold: "< 1s" }
  - { metric: nonsense, gold: "< 1s" }
  - { metric: cost.per_request, gold: "< 1" }
  - { metric: ttft.p95, stage: linear, gold: "< 1s" }
  - { metric: knee.rate, stage: benchmark, gold: "> 1/s" }
  - { metric: knee.rate, stage: linea, gold: "> 1/s" }
  - { metric: curve.ttft_p95, gold: "< 1s" }
  - { metrik: knee.rate, gold: "> 1/s" }
`,
  },
  {
    name: 'limits',
    yaml: `${HEAD}sla:
  - { metric: ttft.p99, gold: "< 5" }
  - { metric: ttft.p99, gold: 500ms }
  - { metric: ttft.p99, gold: "> 500ms" }
  - { metric: saturation.rate, gold: "> 20%" }
  - { metric: gpu.utilization.mean, gold: "< 0.85", tolerance: "< 20/s" }
  - { metric: e2e.p50, gold: "< 5s", tolerance: "< 4s" }
  - { metric: e2e.p50, gold: "<= 5s", tolerance: "< 5s" }
  - { metric: host.cpu.mean, gold: "< 50%", tolerance: "> 40%" }
  - { metric: e2e.p50, gold: 5 }
`,
  },
  {
    name: 'rules on stages that are not run',
    yaml: `${HEAD}stages: { benchmark: { rate: 5/s } }
sla:
  - { metric: knee.rate, gold: "> 5/s" }
  - { metric: errors.rate, stage: step-surge, gold: "< 1%" }
comparison:
  gates: [saturation.rate]
`,
  },
  {
    name: 'gates',
    yaml: `${HEAD}comparison:
  gates: [throughput.tokens, knee.rate@benchmark, gpu.utilization.mean@benchmark, ttft.p95@bench, ttft.p95, ttft.p95@benchmark]
  minimumEffects: { ttft.p59: 0.1, boot.duration: 1, knee.rate: -1 }
  maxBoots: 12
  budget: 0m
`,
  },
  {
    name: 'policy words',
    yaml: `${HEAD}failOn: [breach, regresion]\ncomparison: { against: store, onMissingBaseline: ignore }\nprice: { gpuHour: free }\nstrict: "yes"\n`,
  },
  { name: 'an unset variable', yaml: `${HEAD.replace('[serve]', '[serve, "${MODEL_PATH}"]')}` },
  {
    name: 'an unset variable and more',
    yaml: `${HEAD.replace('[serve]', '[serve, "${MODEL_PATH}", "${x y}"]')}preset: fast\n`,
  },
  {
    name: 'not available in this version',
    yaml: `deployment:
  name: tiny
  kind: kubernetes
  url: http://127.0.0.1:8000
workload:
  model: tiny
  seed: x
`,
  },
  {
    name: 'interleaved, and nothing to boot',
    yaml: `deployment:
  name: tiny
  kind: external
  url: http://127.0.0.1:8000
workload:
  model: tiny
comparison: { against: interleaved, onMissingBaseline: interleaved }
`,
  },
];
