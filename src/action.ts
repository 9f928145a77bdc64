// The door for GitHub Actions. Small, since it may start over before the rest is loaded.

import { startOverForLoad } from './start-over.ts';

startOverForLoad();
await import('./step.ts');
