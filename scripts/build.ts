// Makes dist/: one bundle per entry and one for the page's script, minified, with the licences of everything bundled.
// `--check` builds into a temporary folder and fails where dist/ differs; `--out DIR` builds elsewhere.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';
import { bundlePage } from './page.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, out: { type: 'string' } } });

const ENTRIES: Readonly<Record<string, string>> = {
  cli: 'src/cli.ts',
  action: 'src/action.ts',
  post: 'src/post.ts',
  upload: 'src/github/upload.ts',
  worker: 'src/load/worker.ts',
  'doctor-server': 'src/doctor/server.ts',
};

const target = values.check ? mkdtempSync(join(tmpdir(), 'plimsoll-dist-')) : (values.out ?? join(root, 'dist'));
await build(target);
if (values.check) {
  const stale = differing(join(root, 'dist'), target);
  rmSync(target, { recursive: true, force: true });
  if (stale.length > 0) {
    process.stderr.write(`dist/ is not what src/ builds to (${stale.join(', ')}). Run: npm run build\n`);
    process.exit(1);
  }
  process.stdout.write('dist/ is current\n');
}

async function build(out: string): Promise<void> {
  if (!values.check) rmSync(out, { recursive: true, force: true });
  const modules = new Set<string>();
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(Object.entries(ENTRIES).filter(([, path]) => existsSync(join(root, path)))),
    platform: 'node',
    external: [/^node:/],
    onLog(level, log, handle) {
      // CommonJS dependencies use eval-free but unresolvable optional requires; everything else must be seen.
      if (log.code !== 'EVAL' && log.code !== 'CIRCULAR_DEPENDENCY') handle(level, log);
    },
  });
  const { output } = await bundle.write({
    dir: out,
    format: 'esm',
    minify: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[name].js',
  });
  for (const chunk of [...output, ...(await bundlePage(join(out, 'page.js')))])
    if (chunk.type === 'chunk') for (const id of chunk.moduleIds) modules.add(id);
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(out, 'LICENSES.txt'), licences(modules));
}

/** The licence text of every package that has a module in the bundles. */
function licences(modules: ReadonlySet<string>): string {
  const folders = new Set<string>();
  for (const id of modules) {
    const match = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(id);
    if (match) folders.add(match[1]!);
  }
  const entries = [...folders].map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      license?: string;
    };
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    const text = file
      ? readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
      : '(the package ships no licence file)';
    return { heading: `${manifest.name} ${manifest.version} — ${manifest.license ?? 'licence not stated'}`, text };
  });
  entries.sort((a, b) => (a.heading < b.heading ? -1 : 1));
  // Many packages share one text, to the letter: it stands behind all of their names.
  const headings = new Map<string, string[]>();
  for (const { heading, text } of entries) headings.set(text, [...(headings.get(text) ?? []), heading]);
  return Array.from(
    headings,
    ([text, names]) => `${'='.repeat(80)}\n${names.join('\n')}\n${'='.repeat(80)}\n${text}\n`,
  ).join('\n');
}

function differing(committed: string, fresh: string): string[] {
  const names = new Set([...(existsSync(committed) ? readdirSync(committed) : []), ...readdirSync(fresh)]);
  return [...names].filter((name) => {
    const [a, b] = [join(committed, name), join(fresh, name)];
    return !existsSync(a) || !existsSync(b) || readFileSync(a, 'utf8') !== readFileSync(b, 'utf8');
  });
}
