// nvidia-smi as a source: which GPUs there are, which of them a deployment can see, and single queries.

import { runCommand } from './command.ts';

export type SmiResult =
  | { readonly kind: 'ok'; readonly stdout: string }
  | { readonly kind: 'missing' | 'failed'; readonly reason: string };

/** Waking the driver without persistence mode takes seconds; a broken GPU makes it hang for good. */
const SMI_LIMIT_MS = 10_000;

export async function runNvidiaSmi(args: readonly string[], signal?: AbortSignal): Promise<SmiResult> {
  const result = await runCommand('nvidia-smi', args, { timeoutMs: SMI_LIMIT_MS, signal });
  if (result.kind === 'missing') return { kind: 'missing', reason: 'nvidia-smi was not found on the PATH' };
  if (result.kind === 'timeout')
    return { kind: 'failed', reason: `nvidia-smi did not answer within ${SMI_LIMIT_MS / 1_000} s` };
  if (result.code === 0) return { kind: 'ok', stdout: result.stdout };
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').map((line) => line.trim());
  const said = lines.find((line) => line !== '')?.slice(0, 200);
  return { kind: 'failed', reason: `nvidia-smi ended with code ${result.code}${said ? `: ${said}` : ''}` };
}

/** Fields that nvidia-smi answered for, one row per GPU; `null` where it has no value ("[N/A]"). */
export interface GpuTable {
  readonly fields: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** Why a field is missing from `fields`. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Asks for all fields at once; where nvidia-smi refuses (one unknown field costs the whole answer) group by
 * group, so that only the group with that field is lost.
 * @param gpus indices or UUIDs; undefined = all
 * @returns the table, or the reason in words where no group was answered
 */
export async function queryGpus(
  groups: readonly (readonly string[])[],
  gpus: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<GpuTable | string> {
  const fields = groups.flat();
  const all = await runNvidiaSmi(queryArguments(fields, gpus), signal);
  if (all.kind === 'ok') return { fields, rows: parseGpuRows(all.stdout, fields.length), refused: new Map() };
  const [only, ...more] = groups;
  if (
    all.kind === 'missing' ||
    !only ||
    (more.length === 0 && only.length === 1) ||
    signal?.aborted ||
    all.reason.includes('did not answer')
  )
    return all.reason;

  const answered: string[] = [];
  const refused = new Map<string, string>();
  let rows: (string | null)[][] = [];
  for (const group of groups) {
    const part = await runNvidiaSmi(queryArguments(group, gpus), signal);
    if (part.kind !== 'ok') {
      for (const field of group) refused.set(field, part.reason);
      continue;
    }
    const partRows = parseGpuRows(part.stdout, group.length);
    rows =
      answered.length === 0
        ? partRows
        : rows.map((row, index) => [...row, ...(partRows[index] ?? group.map(() => null))]);
    answered.push(...group);
  }
  return answered.length === 0 ? all.reason : { fields: answered, rows, refused };
}

export function queryArguments(fields: readonly string[], gpus: readonly string[] | undefined): string[] {
  return [
    `--query-gpu=${fields.join(',')}`,
    '--format=csv,noheader,nounits',
    ...(gpus === undefined ? [] : ['-i', gpus.join(',')]),
  ];
}

/** Rows of `csv,noheader,nounits`; lines with another number of columns are not rows. */
export function parseGpuRows(text: string, columns: number): (string | null)[][] {
  return text.split('\n').flatMap((line) => {
    const values = line.split(',').map((value) => value.trim());
    if (line.trim() === '' || values.length !== columns) return [];
    return [
      values.map((value) =>
        value === '' || value.startsWith('[') || /^(N\/A|Not Supported|Unknown Error)$/i.test(value) ? null : value,
      ),
    ];
  });
}

export interface ListedGpu {
  readonly index: string;
  readonly name: string;
  /** Its own, then those of its MIG devices. */
  readonly uuids: readonly string[];
}

/** `nvidia-smi -L`; empty where there is no GPU (or no driver that answers). */
export async function listGpus(signal?: AbortSignal): Promise<readonly ListedGpu[]> {
  const result = await runNvidiaSmi(['-L'], signal);
  return result.kind === 'ok' ? parseGpuList(result.stdout) : [];
}

/** "GPU 0: NVIDIA A100 (UUID: GPU-…)", each followed by lines of its MIG devices, "(UUID: MIG-…)". */
export function parseGpuList(text: string): ListedGpu[] {
  const gpus: { index: string; name: string; uuids: string[] }[] = [];
  for (const line of text.split('\n')) {
    const uuid = /\(UUID:\s*([^)\s]+)\)/.exec(line)?.[1];
    const gpu = /^GPU (\d+):\s*(.*?)(\s*\(UUID:|$)/.exec(line);
    if (gpu) gpus.push({ index: gpu[1]!, name: gpu[2]!, uuids: uuid ? [uuid] : [] });
    else if (uuid) gpus.at(-1)?.uuids.push(uuid);
  }
  return gpus;
}

/**
 * Indices of the GPUs that a process with this environment can use, in the order of nvidia-smi; empty = none.
 * CUDA_VISIBLE_DEVICES may hold indices and (shortened) UUIDs; a MIG device stands for the GPU it is a part of;
 * what follows an invalid entry such as -1 is invisible.
 */
export async function visibleGpus(env: Readonly<Record<string, string | undefined>>): Promise<readonly string[]> {
  const listed = await listGpus();
  return selectGpus(listed, env.CUDA_VISIBLE_DEVICES);
}

export function selectGpus(listed: readonly ListedGpu[], visibleDevices: string | undefined): readonly string[] {
  if (visibleDevices === undefined) return listed.map((gpu) => gpu.index);
  const selected = new Set<string>();
  for (const entry of visibleDevices.split(',').map((part) => part.trim())) {
    if (/^\d+$/.test(entry)) selected.add(entry);
    else if (/^(GPU|MIG)-/i.test(entry))
      selected.add(
        listed.find((gpu) => gpu.uuids.some((uuid) => uuid.toLowerCase().startsWith(entry.toLowerCase())))?.index ??
          entry,
      );
    else break;
  }
  return [...selected];
}
