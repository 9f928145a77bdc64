#!/usr/bin/env node
// The door for people and scripts. Small, since commands that send load start over before the rest is loaded.

import { startOverForLoad } from './start-over.ts';

const LOADS: readonly (string | undefined)[] = ['run', 'ledger', 'demo', 'doctor'];

if (LOADS.includes(process.argv[2])) startOverForLoad();
await import('./commands/program.ts');
