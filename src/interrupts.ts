// SIGINT and SIGTERM, of the doors: an abort for whatever is under way, and the exit status that they ask for.

import { EXIT } from './errors.ts';

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Of the first signal; null = none has come. */
  readonly exitCode: number | null;
}

/** @param onSignal hears of each of them before the abort; `first` is false for all but one */
export function watchInterrupts(
  onSignal: (name: NodeJS.Signals, exitCode: number, first: boolean) => void = () => {},
): Interrupts {
  const controller = new AbortController();
  let first: number | null = null;
  for (const [name, code] of [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.terminated],
  ] as const) {
    process.on(name, () => {
      onSignal(name, code, first === null);
      first ??= code;
      controller.abort();
    });
  }
  return {
    signal: controller.signal,
    get exitCode() {
      return first;
    },
  };
}
