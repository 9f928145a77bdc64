// Reads the Prometheus text format (and OpenMetrics, as far as plain samples go), only for the names asked for:
// an engine's page is mostly histograms that no one here reads. Pure.

export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Samples of `names`, in the order of the text. Lines that can't be read are skipped: one odd line must not
 * cost the rest. Format: prometheus.io/docs/instrumenting/exposition_formats.
 */
export function parsePrometheus(text: string, names: ReadonlySet<string>): PrometheusSample[] {
  const samples: PrometheusSample[] = [];
  for (const line of text.split('\n')) {
    const name = /^\s*([a-zA-Z_:][\w:]*)/.exec(line)?.[1];
    if (name === undefined || !names.has(name)) continue;
    const sample = parseLine(line.trim(), name);
    if (sample) samples.push(sample);
  }
  return samples;
}

function parseLine(line: string, name: string): PrometheusSample | undefined {
  let rest = line.slice(name.length).trimStart();
  let labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    const parsed = parseLabels(rest);
    if (!parsed) return undefined;
    labels = parsed.labels;
    rest = rest.slice(parsed.end).trimStart();
  }
  // "value", "value timestamp", and in OpenMetrics "… # {exemplar}".
  const value = readValue(rest.split(/\s+/, 1)[0] ?? '');
  return value === undefined ? undefined : { name, labels, value };
}

function parseLabels(text: string): { labels: Record<string, string>; end: number } | undefined {
  const labels: Record<string, string> = {};
  const pair = /\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/y;
  pair.lastIndex = 1;
  for (let end = 1; ; end = pair.lastIndex) {
    const match = pair.exec(text);
    if (!match) {
      const close = /\s*\}/y;
      close.lastIndex = end;
      return close.test(text) ? { labels, end: close.lastIndex } : undefined;
    }
    labels[match[1]!] = match[2]!.replaceAll(/\\([\\"n])/g, (_, char: string) => (char === 'n' ? '\n' : char));
  }
}

function readValue(text: string): number | undefined {
  if (/^[+-]?Inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^NaN$/i.test(text)) return Number.NaN;
  const value = text === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}
