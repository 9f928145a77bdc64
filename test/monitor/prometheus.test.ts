import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ENGINES_TABLE } from '../../src/config/engines.ts';
import { readGauges } from '../../src/monitor/engine.ts';
import { parsePrometheus } from '../../src/monitor/prometheus.ts';
import { LLAMACPP, SGLANG, VLLM } from './fixtures/pages.ts';

const gauges = (engine: keyof typeof ENGINES_TABLE, text: string) => {
  const names = ENGINES_TABLE[engine].metricNames;
  return readGauges(parsePrometheus(text, new Set(Object.values(names).flat())), names);
};

test('vLLM: requests are summed over engines, the fullest cache counts, the newest name wins', () => {
  assert.deepEqual(gauges('vllm', VLLM), {
    'engine.running': 32,
    'engine.waiting': 3,
    'engine.kv_cache': 98.75,
    'engine.preemptions': 42,
  });
});

test('SGLang and llama.cpp: what they have is read, what they lack is absent, not 0', () => {
  const sglang = gauges('sglang', SGLANG);
  assert.ok(Math.abs(sglang['engine.kv_cache']! - 28) < 1e-9);
  assert.deepEqual(
    { ...sglang, 'engine.kv_cache': 28 },
    { 'engine.running': 162, 'engine.waiting': 2826, 'engine.kv_cache': 28 },
  );
  assert.deepEqual(gauges('llamacpp', LLAMACPP), { 'engine.running': 4, 'engine.waiting': 2 });
});

test('any sample written as the format says is read back', () => {
  const name = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,10}$/);
  const labels = fc.dictionary(
    fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/).filter((key) => key !== '__proto__'),
    fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '{', '}', ',', '=', ' ', '中') }),
    { noNullPrototype: true },
  );
  // Written text has no negative zero.
  const value = fc.oneof(
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.constant(Number.NaN),
  );
  const written = (number: number) =>
    Number.isNaN(number) ? 'NaN' : number === Infinity ? '+Inf' : number === -Infinity ? '-Inf' : String(number);
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  fc.assert(
    fc.property(
      name,
      labels,
      value,
      fc.constantFrom('', ' 1712345678901', ' # {trace_id="x"} 1'),
      (metric, pairs, number, tail) => {
        const body = Object.entries(pairs)
          .map(([key, text]) => `${key}="${escaped(text)}"`)
          .join(',');
        const line = `${metric}${body === '' ? '' : `{${body}}`} ${written(number)}${tail}`;
        assert.deepEqual(
          parsePrometheus(`# TYPE ${metric} gauge\nother 1\n${line}\n`, new Set([metric]))[metric === 'other' ? 1 : 0],
          { name: metric, labels: pairs, value: number },
        );
      },
    ),
  );
});

test('broken lines and whole pages of HTML give nothing and cost nothing', () => {
  const wanted = new Set(['a', 'html']);
  assert.deepEqual(parsePrometheus('a{x="1" 3\na{x=1} 3\na\na 1,5\n<html>a 1</html>\na{x="1",} 7', wanted), [
    { name: 'a', labels: { x: '1' }, value: 7 },
  ]);
  fc.assert(
    fc.property(fc.string(), (text) => {
      parsePrometheus(`a${text}\na{${text}`, wanted);
    }),
  );
});
