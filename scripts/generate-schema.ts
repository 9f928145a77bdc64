// Writes schema/plimsoll.schema.json, which editors complete plimsoll.yml with, from the zod schema.
// `--check` writes nothing and ends with 1 where the file is out of date.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../src/config/json-schema.ts';
import { writeFileAtomic } from '../src/files.ts';

const path = join(import.meta.dirname, '..', 'schema', 'plimsoll.schema.json');
const content = `${JSON.stringify(jsonSchema(), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileAtomic(path, content);
} else if (!existsSync(path) || readFileSync(path, 'utf8') !== content) {
  process.stderr.write('schema/plimsoll.schema.json is out of date; run `node scripts/generate-schema.ts`\n');
  process.exitCode = 1;
}
