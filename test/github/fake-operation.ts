// What an operation of the fake GitHub is, and the answers that all of them know.

import type { Answer, Parameters } from './description.ts';
import { REPOSITORY } from './fake-git.ts';
import type { FakeGitHub } from './fake-github.ts';

export type CarryOut = (fake: FakeGitHub, parameters: Parameters, query: URLSearchParams, body: unknown) => Answer;
/** By path as GitHub describes it, then by method. */
export type Operations = Readonly<Record<string, Readonly<Record<string, CarryOut>>>>;

export const isOurRepository = (parameters: Parameters): boolean =>
  parameters.owner === REPOSITORY.owner && parameters.repo === REPOSITORY.repo;

export const refused = (status: number, message: string, errors?: readonly object[]): Answer => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest', ...(errors && { errors }) },
});
export const FORBIDDEN = refused(403, 'Resource not accessible by integration');
export const NOT_FOUND: Answer = { ...refused(404, 'Not Found'), body: { message: 'Not Found', status: '404' } };
