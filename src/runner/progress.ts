// What a run tells the person who waits for it: live on a terminal, grouped log lines in CI. Goes to standard
// error, so that standard output holds nothing but the report.

import pc from 'picocolors';
import { type LoadPlan, offeredRate } from '../load/plan.ts';
import type { LoadProgress } from '../load/result.ts';

export interface Progress {
  /** A new part of the run: "Boot 1 of at most 3". */
  section(title: string): void;
  /** Something worth a line. */
  note(message: string): void;
  /** Something that went wrong but does not end the run. */
  warn(message: string): void;
  /** The load under way; called about twice a second. `laterMs` = what is still to come after this stage. */
  load(plan: LoadPlan, progress: LoadProgress, laterMs: number): void;
  /** Nothing more to come. */
  end(): void;
}

/**
 * Log lines; `github` groups sections and marks warnings with workflow commands. The load is reported every
 * ten seconds and at each new phase.
 */
export function createLogProgress(write: (line: string) => void, style: 'github' | 'plain'): Progress {
  let open = false;
  let lastPhase = '';
  let lastAt = 0;
  const close = () => {
    if (open) write('::endgroup::');
    open = false;
  };
  return {
    section(title) {
      close();
      write(style === 'github' ? `::group::${title}` : `== ${title}`);
      open = style === 'github';
    },
    note: (message) => write(message),
    warn: (message) =>
      write(style === 'github' ? `::warning::${message.replaceAll('\n', ' ')}` : `warning: ${message}`),
    load(plan, progress, laterMs) {
      const phase = `${plan.stage} ${plan.phases[progress.phase]?.name ?? ''}`;
      const now = progress.elapsedMs;
      if (phase === lastPhase && now - lastAt < 10_000 && now >= lastAt) return;
      lastPhase = phase;
      lastAt = now;
      write(describeLoad(plan, progress, laterMs));
    },
    end: close,
  };
}

/** One line that is redrawn in place while a load runs; everything else scrolls above it. */
export function createLiveProgress(stream: NodeJS.WriteStream): Progress {
  let shown = false;
  const erase = () => {
    if (shown) stream.write('\r\x1b[2K');
    shown = false;
  };
  const line = (text: string) => {
    erase();
    stream.write(`${text}\n`);
  };
  return {
    section: (title) => line(pc.bold(title)),
    note: (message) => line(`  ${message}`),
    warn: (message) => line(pc.yellow(`  warning: ${message}`)),
    load(plan, progress, laterMs) {
      erase();
      stream.write(describeLoad(plan, progress, laterMs).slice(0, Math.max(20, (stream.columns ?? 100) - 1)));
      shown = true;
    },
    end: erase,
  };
}

function describeLoad(plan: LoadPlan, progress: LoadProgress, laterMs: number): string {
  const phase = plan.phases[progress.phase];
  const stageLeftMs = Math.max(0, progress.totalMs - progress.elapsedMs);
  const parts = [
    `  ${plan.stage} ${progress.draining ? 'draining' : (phase?.name ?? '')}`.padEnd(24),
    phase ? offered(phase) : '',
    `${progress.requestsPerSecond.toFixed(1)} req/s`,
    `${Math.round(progress.tokensPerSecond)} tok/s`,
    `TTFT p95 ${progress.ttftP95Ms === null ? '–' : `${Math.round(progress.ttftP95Ms)} ms`}`,
    `${progress.inFlight} in flight`,
    progress.failed > 0 ? `${progress.failed} failed` : '',
    `${clock(stageLeftMs)} left${laterMs > 0 ? `, ${clock(stageLeftMs + laterMs)} in all` : ''}`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

const offered = (phase: LoadPlan['phases'][number]): string =>
  phase.load.kind === 'closed' ? `${phase.load.users} users` : `${offeredRate(phase)?.toFixed(1)}/s offered`;

const clock = (ms: number): string => {
  const seconds = Math.ceil(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};
