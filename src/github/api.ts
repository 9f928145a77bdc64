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

/** One sentence on why a request failed, naming the permission where that is what is missing. */
export function explainFailure(error: unknown, doing: string, permission: string): string {
  const { status, message, response } = error as {
    status?: number;
    message?: string;
    response?: { headers?: Record<string, string | undefined> };
  };
  const words = (message ?? String(error)).replaceAll(/\s+/g, ' ');
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
