// The bundle of src/page, the script of report.html: one file for browsers, minified.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputAsset, type OutputChunk, rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Writes it to `file`; gives what is in it. */
export async function bundlePage(file: string): Promise<readonly (OutputAsset | OutputChunk)[]> {
  const bundle = await rolldown({ cwd: root, input: 'src/page/page.ts', platform: 'browser' });
  const { output } = await bundle.write({ file, format: 'iife', minify: true });
  return output;
}
