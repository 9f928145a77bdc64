// What an operation of the fake GitHub is, and what all of them know.

import type { FakeGitHub } from './fake-github.ts';

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
export type Parameters = Readonly<Record<string, string>>;
export type CarryOut = (fake: FakeGitHub, parameters: Parameters, query: URLSearchParams, body: unknown) => Answer;
/** By path as GitHub describes it, then by method. */
export type Operations = Readonly<Record<string, Readonly<Record<string, CarryOut>>>>;

export const REPOSITORY = { owner: 'octo', repo: 'serving', pull: 7 } as const;

export const isOurRepository = (parameters: Parameters): boolean =>
  parameters.owner === REPOSITORY.owner && parameters.repo === REPOSITORY.repo;

export const NOT_FOUND: Answer = {
  status: 404,
  body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' },
};
