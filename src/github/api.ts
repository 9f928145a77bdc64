// The connection to GitHub's API: token, base URL (GHES too), proxies, retries. Budgets are short, because a job
// that holds a GPU must not wait for an API that only shows what is already decided.

import { getOctokit } from '@actions/github';
import { retry } from '@octokit/plugin-retry';
import { throttling } from '@octokit/plugin-throttling';

export type Api = ReturnType<typeof getOctokit>;

export interface ApiOptions {
  readonly token: string;
  /** GITHUB_API_URL. */
  readonly baseUrl: string;
  /** Longest wait that a rate limit may ask for; beyond it the request fails. */
  readonly patienceSeconds?: number;
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal;
  /** One second of a retry's back-off, in ms; tests shorten it. */
  readonly secondMs?: number;
  /** Replaces parts of the throttling plugin's pacing (one write a second); for tests. */
  readonly pacing?: object;
}

const RETRIES = 2;

export function createApi({
  token,
  baseUrl,
  patienceSeconds = 20,
  signal,
  secondMs = 1_000,
  pacing = {},
}: ApiOptions): Api {
  const isShort = (retryAfter: number, _request: object, _octokit: unknown, retryCount: number): boolean =>
    retryCount < 1 && retryAfter <= patienceSeconds;
  return getOctokit(
    token,
    {
      baseUrl,
      userAgent: 'plimsoll-action',
      log: { debug() {}, info() {}, warn() {}, error() {} },
      retry: { retries: RETRIES, retryAfterBaseValue: secondMs },
      throttle: { onRateLimit: isShort, onSecondaryRateLimit: isShort, retryAfterBaseValue: secondMs, ...pacing },
      ...(signal ? { request: { signal } } : {}),
    },
    retry,
    throttling,
  );
}

/** What GraphQL's types of errors, all of which come with 200, are called over HTTP. */
const STATUS_BY_KIND: Readonly<Record<string, number>> = {
  FORBIDDEN: 403,
  INSUFFICIENT_SCOPES: 403,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
};

interface Failure {
  readonly status?: number;
  readonly message?: string;
  readonly response?: { readonly headers?: Readonly<Record<string, string | undefined>> };
  readonly errors?: readonly { readonly type?: string; readonly message?: string }[];
}

/** GraphQL's type of the error (`STALE_DATA`); undefined for REST. */
export const kindOf = (error: unknown): string | undefined => (error as Failure).errors?.[0]?.type;

/** Undefined where no answer came, or one that is no refusal of a known kind. */
export const statusOf = (error: unknown): number | undefined =>
  (error as Failure).status ?? STATUS_BY_KIND[kindOf(error) ?? ''];

/** Whatever was asked for may have happened: no answer, or one that blames the server. */
export function isTransient(error: unknown): boolean {
  const { status, errors } = error as Failure;
  return status === undefined ? errors === undefined : status >= 500;
}

/** GitHub's own words, on one line, without the full stop. */
export function wordsOf(error: unknown): string {
  const { message, errors } = error as Failure;
  const words = errors?.map((one) => one.message ?? '').join('; ') ?? message ?? String(error);
  return words.trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '');
}

/** One sentence on why a request failed, naming the permission where that is what is missing. */
export function explainFailure(error: unknown, doing: string, permission: string): string {
  const { response } = error as Failure;
  const [status, words] = [statusOf(error), wordsOf(error)];
  if (
    (status === 403 || status === 429) &&
    (/rate limit/i.test(words) || response?.headers?.['x-ratelimit-remaining'] === '0')
  ) {
    return `Could not ${doing}: the API's rate limit is used up (${words}).`;
  }
  if (status === 403) {
    return `Could not ${doing}: the token lacks the permission "${permission}" (${words}). Add it to \`permissions:\` of the job; a fork's pull request always runs with a read-only token.`;
  }
  if (status === 401) return `Could not ${doing}: the token was not accepted (${words}). Check the input github-token.`;
  if (status === 404)
    return `Could not ${doing}: not found, or the token may not see it (${words}). The token needs the permission "${permission}".`;
  if (status !== undefined && status >= 500)
    return `Could not ${doing}: the API answered ${status} (${words}), also when asked again.`;
  return `Could not ${doing}: ${words}.`;
}
