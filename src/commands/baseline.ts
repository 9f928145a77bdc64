// `plimsoll baseline add|list|show|prune|split|promote`: the stored history, by hand.

import { Command } from 'commander';
import {
  addRunToStore,
  listStore,
  promoteFile,
  pruneFile,
  readBaselineFile,
  showBaseline,
  splitFile,
} from '../baseline/store.ts';
import { PlimsollError } from '../errors.ts';
import { atLeastOne, readRecord } from './input.ts';

const STORE = ['--baselines <dir>', 'the baseline store', 'baselines'] as const;

export const baselineCommand = (): Command => {
  const command = new Command('baseline').description('manage stored baselines');
  command
    .command('add')
    .description('add the valid boots of a run')
    .argument('<run>', 'run.json, or the folder of a run')
    .option(...STORE)
    .option('--new-segment <reason>', 'the run begins a new accepted level; say why')
    .option('--keep <boots>', 'boots kept in the newest segment', atLeastOne)
    .action((run: string, flags: { baselines: string; newSegment?: string; keep?: number }) => {
      const record = readRecord(run);
      const stored = addRunToStore(flags.baselines, record, {
        ...(flags.keep === undefined ? {} : { keep: flags.keep }),
        ...(flags.newSegment === undefined ? {} : { newSegment: { reason: flags.newSegment } }),
      });
      if (stored.begun !== null) process.stdout.write(`a new segment begins: ${stored.begun}\n`);
      for (const added of stored.added) process.stdout.write(`added ${added}\n`);
      for (const refused of stored.refused) process.stdout.write(`refused ${refused}\n`);
      if (stored.added.length === 0) {
        throw new PlimsollError('BASELINE_REFUSED', `Nothing of ${run} was added to ${flags.baselines}.`, {
          hint: 'The lines above say why, stage by stage.',
        });
      }
      process.stdout.write(`${stored.path}\n`);
    });
  command
    .command('list')
    .description('deployments, environments and how much history each has')
    .option(...STORE)
    .option('--json', 'print one JSON object', false)
    .action((flags: { baselines: string; json: boolean }) => say(listStore(flags.baselines, flags.json)));
  command
    .command('show')
    .description('segments, boots and values of one baseline file')
    .argument('<file>')
    .option('--json', 'print one JSON object', false)
    .action((path: string, flags: { json: boolean }) => say(showBaseline(readBaselineFile(path), flags.json)));
  command
    .command('prune')
    .description('keep the newest boots of the newest segment; what the others say of variance goes to the ledger')
    .argument('<file>')
    .requiredOption('--keep <boots>', 'boots to keep', atLeastOne)
    .action((path: string, flags: { keep: number }) => say(pruneFile(path, flags.keep)));
  command
    .command('split')
    .description('begin a new segment at a listed boot: from there on the level is another one')
    .argument('<file>')
    .requiredOption('--at <boot>', 'the first boot of the new level, as the report and the file name it')
    .requiredOption('--reason <text>', 'kept with the segment')
    .action((path: string, flags: { at: string; reason: string }) => say(splitFile(path, flags.at, flags.reason)));
  command
    .command('promote')
    .description('carry the newest segments of one baseline file into another (a release branch into main, say)')
    .argument('<from>', 'a file, or REF:PATH, such as origin/release/1.4:baselines/llm/x.json')
    .argument('<to>')
    .requiredOption('--reason <text>', 'kept with the segment')
    .action((from: string, to: string, flags: { reason: string }) => say(promoteFile(from, to, flags.reason)));
  return command;
};

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
