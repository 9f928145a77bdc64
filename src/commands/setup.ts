// `plimsoll validate` and `plimsoll init`: before the first run.

import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { describeConfig, renderDescription } from '../config/describe.ts';
import { loadConfig } from '../config/load.ts';
import { INIT_ENGINES, type InitEngine, initFiles } from '../config/templates.ts';
import { PlimsollError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';

export const validateCommand = (): Command =>
  new Command('validate')
    .description('check a configuration; say what would run, for how long, and which percentiles that can bear')
    .option('-c, --config <file>', 'configuration', 'plimsoll.yml')
    .option('--json', 'print one JSON object', false)
    .action((flags: { config: string; json: boolean }) => {
      const description = describeConfig(loadConfig(flags.config, { allowMissingEnv: true }));
      process.stdout.write(flags.json ? `${JSON.stringify(description)}\n` : `${renderDescription(description)}\n`);
    });

export const initCommand = (): Command =>
  new Command('init')
    .description('write a starting plimsoll.yml and workflow')
    .addOption(
      new Option('--engine <engine>', 'what serves the model').choices([...INIT_ENGINES]).makeOptionMandatory(),
    )
    .action((flags: { engine: InitEngine }) => {
      const files = initFiles(flags.engine);
      const present = files.filter((file) => existsSync(file.path)).map((file) => file.path);
      if (present.length > 0) {
        throw new PlimsollError(
          'USAGE',
          `${present.join(' and ')} already ${present.length === 1 ? 'exists' : 'exist'}; nothing was written.`,
          {
            hint: 'Move it away first, or write the new files in another folder.',
          },
        );
      }
      for (const file of files) {
        writeFileAtomic(file.path, file.content);
        process.stdout.write(`wrote ${file.path}\n`);
      }
      process.stdout.write(
        'Next: edit the command and model in plimsoll.yml, then `plimsoll validate`, then `plimsoll run --mode baseline`.\n',
      );
    });
