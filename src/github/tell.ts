// What becomes of a deployment's verdict, or of the failure to reach one, in a job: log, annotation, summary, check
// run, comment, outputs, exit code. The verdict is made; nothing here changes it.

import * as core from '@actions/core';
import { maskSecrets } from '../deployment/mask.ts';
import { EXIT, PlimsollError } from '../errors.ts';
import { standsOf } from '../judge/accept.ts';
import { type DrawnChart, renderCharts } from '../report/charts.ts';
import { renderComment } from '../report/comment.ts';
import { renderFailure } from '../report/failure.ts';
import type { ReportInput } from '../report/input.ts';
import { tellStory } from '../report/story.ts';
import { renderSummary } from '../report/summary.ts';
import { renderTerminal } from '../report/terminal.ts';
import { annotationsOf, conclusionOf } from './check.ts';
import { failureLog } from './failure-log.ts';
import { gatedExit, type Leg, NOTHING_PUBLISHED, publish, publishCharts, writesComment } from './leg.ts';
import { announce, NO_OUTPUTS, type Outputs, printInert, withoutSecrets } from './outputs.ts';
import { pathInRepository } from './policy.ts';
import type { Stored } from './store-run.ts';

export interface Told {
  readonly outputs: Outputs;
  readonly exitCode: number;
}

/** What run() gives, as far as it is told. */
export interface Judged extends ReportInput {
  readonly folder: { write(name: 'comment', content: string): void };
  readonly exitCode: number;
}

/** Never throws. */
export async function tellVerdict(leg: Leg, judged: Judged, stored: Stored): Promise<Told> {
  const { verdict, folder, exitCode } = judged;
  let published = NOTHING_PUBLISHED;
  try {
    printInert(renderTerminal(judged, { color: true, width: 120 }));
    announce(verdict);
    const { headline, tone } = tellStory(judged);
    const untrusted = judged.provenance.untrusted === true;
    const charts = leg.inputs.charts === 'branch' ? await drawCharts(leg, judged) : leg.inputs.charts;
    const comment = withoutSecrets(renderComment(judged, { charts }), leg.secrets);
    published = await publish(leg, {
      comment,
      summary: renderSummary(judged),
      check: {
        conclusion: conclusionOf(tone, exitCode, leg.cancelled.aborted, untrusted),
        title: headline,
        summary: comment,
        annotations: annotationsOf(verdict.sla, pathInRepository(process.cwd(), leg.configPath)),
      },
      stands: exitCode === verdict.exitCode ? standsOf(verdict) : 'final',
    });
    folder.write('comment', comment);
  } catch (error) {
    core.warning(`Could not publish the report: ${(error as Error).message}`, { title: 'Plimsoll' });
  }
  return {
    outputs: {
      verdict: verdict.outcome,
      'load-line': verdict.loadLine?.rate ?? null,
      'load-line-change': verdict.loadLine?.change ?? null,
      record: leg.record,
      report: leg.out,
      'comment-url': published.commentUrl,
      'check-url': published.checkUrl,
      'baseline-url': stored.url,
      'baseline-changed': stored.changed,
    },
    exitCode: gatedExit(exitCode, leg.inputs, published),
  };
}

/** Where charts cannot be put on their branch, those inside the comment stand in. */
async function drawCharts(leg: Leg, judged: Judged): Promise<readonly DrawnChart[] | 'mermaid'> {
  // What draws charts of a stranger's numbers has no reason to keep files of them.
  if (!writesComment(leg) || judged.provenance.untrusted === true) return 'mermaid';
  return (await publishCharts(leg, renderCharts(judged))) ?? 'mermaid';
}

/** @param leg null where not even inputs and event could be read: it stands in the log only */
export async function tellFailure(leg: Leg | null, error: unknown): Promise<Told> {
  const failure =
    error instanceof PlimsollError
      ? error
      : new PlimsollError('INTERNAL', `A fault of Plimsoll: ${(error as Error)?.stack ?? String(error)}`, {
          hint: 'Please report it with these lines.',
          cause: error,
        });
  const { exitCode, code, hint } = failure;
  const message = maskSecrets(failure.message, leg?.secrets ?? []);
  core.error(hint === undefined ? message : `${message}\n${hint}`, { title: `Plimsoll: ${code}` });
  const verdict = exitCode === EXIT.invalid ? 'invalid' : 'error';
  if (leg === null) return { outputs: { ...NO_OUTPUTS, verdict }, exitCode };

  const rendered = renderFailure({
    code,
    message,
    hint,
    deployment: leg.deployment ?? leg.configPath,
    configPath: leg.configPath,
    logTail: failureLog(failure, leg.out, leg.secrets),
  });
  const published = await publish(leg, {
    comment: rendered,
    summary: rendered,
    check: {
      conclusion: conclusionOf('invalid', exitCode, leg.cancelled.aborted),
      title: `The run could not be made: ${code}`,
      summary: rendered,
      annotations: [],
    },
    stands: 'final',
  });
  return {
    outputs: {
      ...NO_OUTPUTS,
      verdict,
      record: leg.deployment === null ? null : leg.record,
      report: leg.deployment === null ? null : leg.out,
      'comment-url': published.commentUrl,
      'check-url': published.checkUrl,
    },
    exitCode: gatedExit(exitCode, leg.inputs, published),
  };
}
