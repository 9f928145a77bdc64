// What act plays: each example workflow that can run without a GPU, with the event that starts it, what GitHub knows by
// then, and what must have come of it.

import { formatMarker } from '../../src/github/marker.ts';
import { ACTIONS_BOT, type FakeGitHub, REPOSITORY } from '../../test/github/fake-github.ts';

/** Commits of the repository that is played in. */
export interface Commits {
  readonly base: string;
  readonly head: string;
}

export interface Play {
  readonly workflow: string;
  readonly event: string;
  readonly branch: 'main' | 'change';
  /** The workflow whose artifacts it takes; that one's play comes right before it, then. */
  readonly after?: string;
  readonly args?: readonly string[];
  payload(commits: Commits): object;
  arrange?(fake: FakeGitHub, commits: Commits): void;
  /** What is wrong with the outcome; null = nothing. `verdict`: the action's output, null where it gave none. */
  fault(fake: FakeGitHub, verdict: string | null, commits: Commits): string | null;
}

const FULL_NAME = `${REPOSITORY.owner}/${REPOSITORY.repo}`;
const repository = {
  full_name: FULL_NAME,
  name: REPOSITORY.repo,
  owner: { login: REPOSITORY.owner },
  default_branch: 'main',
};
const FORK = { id: 66, full_name: 'mallory/serving', owner: { login: 'mallory' }, fork: true };
const GRACE = { login: 'grace', type: 'User' } as const;

const AT = '2026-05-01T02:00:00Z';
const RERUN = '/plimsoll rerun';
/** What the fake numbers its first comment with. */
const FIRST_COMMENT = 1_001;

const pullRequest =
  (headRepository: object = { full_name: FULL_NAME, fork: false }) =>
  ({ base, head }: Commits): object => ({
    action: 'synchronize',
    number: REPOSITORY.pull,
    repository,
    pull_request: {
      number: REPOSITORY.pull,
      head: { ref: 'change', sha: head, repo: headRepository },
      base: { ref: 'main', sha: base, repo: { full_name: FULL_NAME } },
    },
  });

const passed = (verdict: string | null): string | null =>
  verdict === 'pass' || verdict === 'warn' ? null : `the verdict is ${verdict ?? 'missing'}`;
const has = (count: number, what: string, expected = 1): string | null =>
  count === expected ? null : `${count} ${what} instead of ${expected}`;

export const PLAYS: readonly Play[] = [
  {
    workflow: 'examples/simulated/workflow.yml',
    event: 'pull_request',
    branch: 'change',
    payload: pullRequest(),
    fault: (fake, verdict) => passed(verdict) ?? has(fake.comments.length, 'comments'),
  },
  {
    workflow: 'examples/workflows/pull-request.yml',
    event: 'pull_request',
    branch: 'change',
    payload: pullRequest(),
    fault: ({ comments, checks }, verdict, { head }) =>
      passed(verdict) ??
      has(comments.length, 'comments') ??
      has(checks.filter((check) => check.head_sha === head && check.status === 'completed').length, 'completed checks'),
  },
  {
    workflow: 'examples/workflows/matrix.yml',
    event: 'pull_request',
    branch: 'change',
    // Its legs have a machine each.
    args: ['--matrix', 'engine:vllm'],
    payload: pullRequest(),
    fault: ({ comments }, verdict) =>
      passed(verdict) ??
      has(comments.filter(({ body }) => body.includes('"name":"vllm"')).length, 'comments of the leg'),
  },
  {
    workflow: 'examples/workflows/merge-queue.yml',
    event: 'merge_group',
    branch: 'change',
    payload: ({ base, head }) => ({
      action: 'checks_requested',
      repository,
      merge_group: { base_ref: 'refs/heads/main', base_sha: base, head_ref: 'refs/heads/change', head_sha: head },
    }),
    fault: ({ comments }, verdict) => passed(verdict) ?? has(comments.length, 'comments', 0),
  },
  {
    workflow: 'examples/workflows/baseline.yml',
    event: 'push',
    branch: 'main',
    payload: ({ base }) => ({ ref: 'refs/heads/main', after: base, head_commit: { id: base }, repository }),
    arrange: ({ git }, { base }) => void git.push('main', { 'plimsoll.yml': '' }, base),
    fault: ({ git }, verdict, { base }) => {
      const committed = git.find('refs/heads/main')!;
      const files = [...committed.files.keys()].filter((path) => path.startsWith('baselines/sim/'));
      return (
        passed(verdict) ?? (committed.parents[0] === base && files.length > 0 ? null : 'no baseline was committed')
      );
    },
  },
  {
    workflow: 'examples/workflows/nightly-soak.yml',
    event: 'schedule',
    branch: 'main',
    payload: () => ({ schedule: '41 22 * * 1-5', repository }),
    arrange: ({ git }, { base }) => void git.push('main', { 'plimsoll.yml': '' }, base),
    // Judged without a baseline to compare with; nothing is written on main.
    fault: ({ git, comments }, verdict, { base }) =>
      passed(verdict) ??
      has(comments.length, 'comments', 0) ??
      (git.find('refs/heads/main')!.oid === base ? null : 'a night committed something'),
  },
  {
    workflow: 'examples/workflows/fork-run.yml',
    event: 'pull_request',
    branch: 'change',
    payload: pullRequest(FORK),
    fault: ({ comments }, verdict) => passed(verdict) ?? has(comments.length, 'comments', 0),
  },
  {
    workflow: 'examples/workflows/fork-comment.yml',
    after: 'examples/workflows/fork-run.yml',
    event: 'workflow_run',
    branch: 'main',
    payload: ({ head }) => ({
      action: 'completed',
      repository,
      workflow_run: {
        id: 90,
        run_attempt: 1,
        event: 'pull_request',
        conclusion: 'success',
        head_sha: head,
        head_branch: 'change',
        head_repository: FORK,
        pull_requests: [],
      },
    }),
    arrange: ({ git }, { base, head }) =>
      void git.pulls.push({
        number: REPOSITORY.pull,
        head: { owner: FORK.owner.login, repositoryId: FORK.id, branch: 'change', sha: head },
        base: { branch: 'main', sha: base },
        state: 'open',
        title: 'Change',
        body: '',
      }),
    fault: ({ comments, checks }) =>
      has(comments.filter(({ body }) => body.includes('untrusted run')).length, 'comments') ??
      has(checks.filter(({ conclusion }) => conclusion === 'action_required').length, 'checks that wait for somebody'),
  },
  {
    workflow: 'examples/workflows/chatops.yml',
    event: 'issue_comment',
    branch: 'main',
    payload: () => ({
      action: 'created',
      repository,
      issue: { number: REPOSITORY.pull, pull_request: {} },
      comment: { id: FIRST_COMMENT, body: RERUN, user: GRACE, created_at: AT, updated_at: AT },
    }),
    arrange(fake, { base, head }) {
      fake.permissions[GRACE.login] = 'write';
      fake.add(GRACE, RERUN, AT, AT);
      const report = { config: 'plimsoll.yml', name: '', run: 90, attempt: 1, head } as const;
      fake.add(ACTIONS_BOT, `${formatMarker(report)}\nreport`);
      fake.git.pulls.push({
        number: REPOSITORY.pull,
        head: { owner: REPOSITORY.owner, repositoryId: 1, branch: 'change', sha: head },
        base: { branch: 'main', sha: base },
        state: 'open',
        title: 'Change',
        body: '',
      });
    },
    fault: ({ reactions, reruns }) =>
      has(reruns.filter(({ run }) => run === 90).length, 'runs started again') ??
      (reactions.some(({ content }) => content === 'rocket') ? null : 'no receipt'),
  },
];
