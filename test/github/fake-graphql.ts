// The fake GitHub's GraphQL: queries are validated and executed by the reference implementation over GitHub's own
// schema; only what its fields hold is ours.

import { schema as published, validate } from '@octokit/graphql-schema';
import { buildSchema, execute, GraphQLError, type GraphQLSchema, parse } from 'graphql';
import type { Answer } from './description.ts';
import { ancestors, type FakeCommit, type FakeGit, REPOSITORY } from './fake-git.ts';
import type { FakeGitHub } from './fake-github.ts';

let schema: GraphQLSchema | undefined;

export async function executeGraphql(fake: FakeGitHub, body: unknown): Promise<Answer> {
  const { query, variables = {} } = body as { query: string; variables?: Record<string, unknown> };
  const problems = problemsOf(query);
  fake.violations.push(...problems.map((problem) => `graphql: ${problem}`));
  if (problems.length > 0) return { status: 200, body: { errors: problems.map((message) => ({ message })) } };
  if (!fake.viewer && /\bviewer\b/.test(query))
    return { status: 403, body: { message: 'Resource not accessible by integration' } };
  schema ??= buildSchema(published.idl, { assumeValidSDL: true });
  const { data, errors } = await execute({
    schema,
    document: parse(query),
    rootValue: rootOf(fake),
    variableValues: variables,
  });
  // What is not said on purpose is a query that GitHub would not take, or a gap of this fake.
  for (const error of errors ?? [])
    if (error.extensions.type === undefined) fake.violations.push(`graphql: ${error.message}`);
  return {
    status: 200,
    body: {
      data,
      ...(errors && {
        errors: errors.map(({ message, path, locations, extensions }) => ({
          type: extensions.type,
          path,
          locations,
          message,
        })),
      }),
    },
  };
}

const checked = new Map<string, readonly string[]>();
function problemsOf(query: string): readonly string[] {
  const known = checked.get(query) ?? validate(query).map((error) => error.message);
  checked.set(query, known);
  return known;
}

const refusal = (type: string, message: string): GraphQLError => new GraphQLError(message, { extensions: { type } });

interface CommitInput {
  readonly branch: { readonly repositoryNameWithOwner: string; readonly branchName: string };
  readonly expectedHeadOid: string;
  readonly message: { readonly headline: string; readonly body?: string };
  readonly fileChanges: { readonly additions: readonly { readonly path: string; readonly contents: string }[] };
}
interface RefsInput {
  readonly repositoryId: string;
  readonly refUpdates: readonly {
    readonly name: string;
    readonly beforeOid?: string;
    readonly afterOid: string;
    readonly force: boolean;
  }[];
}

const rootOf = (fake: FakeGitHub) => ({
  viewer: () => ({ login: fake.viewer!.login }),
  repository({ owner, name }: { owner: string; name: string }) {
    if (owner !== REPOSITORY.owner || name !== REPOSITORY.repo)
      throw refusal('NOT_FOUND', `Could not resolve to a Repository with the name '${owner}/${name}'.`);
    return {
      id: fake.git.id,
      object({ expression }: { expression: string }) {
        const commit = fake.git.find(expression);
        return commit && renderCommit(fake.git, commit);
      },
    };
  },
  createCommitOnBranch: ({ input }: { input: CommitInput }) => createCommit(fake.git, input),
  updateRefs: ({ input }: { input: RefsInput }) => updateRefs(fake.git, input),
});

const FORBIDDEN = 'Resource not accessible by integration';

function createCommit(git: FakeGit, { branch, expectedHeadOid, message, fileChanges }: CommitInput): unknown {
  if (!git.may.contents) throw refusal('FORBIDDEN', FORBIDDEN);
  const head = git.find(`refs/heads/${branch.branchName}`);
  if (head === null) throw refusal('NOT_FOUND', `Could not resolve to a Ref with the name ${branch.branchName}.`);
  if (head.oid !== expectedHeadOid) {
    throw refusal(
      'STALE_DATA',
      `Expected branch to point to "${expectedHeadOid}" but it did not.  Pull and try again.`,
    );
  }
  const rule = git.rules.get(branch.branchName);
  if (rule !== undefined) throw refusal('UNPROCESSABLE', rule);
  const files = new Map(head.files);
  for (const { path, contents } of fileChanges.additions)
    files.set(path, git.store(Buffer.from(contents, 'base64').toString('utf8')));
  const text = [message.headline, message.body].filter((part) => part !== undefined).join('\n\n');
  const commit = git.addCommit({ files, parents: [head.oid], message: text });
  git.branches.set(branch.branchName, commit.oid);
  return { commit: renderCommit(git, commit) };
}

const NOWHERE = '0'.repeat(40);

function updateRefs(git: FakeGit, { repositoryId, refUpdates }: RefsInput): unknown {
  if (!git.may.contents) throw refusal('FORBIDDEN', FORBIDDEN);
  if (repositoryId !== git.id)
    throw refusal('NOT_FOUND', `Could not resolve to a node with the global id of '${repositoryId}'`);
  for (const { name, beforeOid, afterOid, force } of refUpdates) {
    const [head, after] = [git.find(name), git.find(afterOid)];
    if (beforeOid !== undefined && beforeOid !== (head?.oid ?? NOWHERE))
      throw refusal('UNPROCESSABLE', `The reference ${name} does not point to ${beforeOid}.`);
    if (after === null) throw refusal('UNPROCESSABLE', 'Object does not exist');
    if (head && !force && !ancestors(git, after).has(head))
      throw refusal('UNPROCESSABLE', 'Update is not a fast forward');
    const rule = git.rules.get(name.replace('refs/heads/', ''));
    if (rule !== undefined) throw refusal('UNPROCESSABLE', rule);
    git.branches.set(name.replace('refs/heads/', ''), after.oid);
  }
  return { clientMutationId: null };
}

function renderCommit(git: FakeGit, { oid, files }: FakeCommit): unknown {
  return {
    __typename: 'Commit',
    oid,
    url: `https://github.com/${REPOSITORY.owner}/${REPOSITORY.repo}/commit/${oid}`,
    tree: { __typename: 'Tree', oid: git.addTree(files) },
    file: ({ path }: { path: string }) => entryAt(files, path),
  };
}

/** A file, or a folder with its entries; null where neither is. */
function entryAt(files: ReadonlyMap<string, string>, path: string): unknown {
  const name = path.split('/').at(-1)!;
  const oid = files.get(path);
  if (oid !== undefined) return { name, type: 'blob', oid, object: { __typename: 'Blob', oid } };
  const below = [...files.keys()].filter((file) => file.startsWith(`${path}/`));
  if (below.length === 0) return null;
  const names = [...new Set(below.map((file) => file.slice(path.length + 1).split('/')[0]!))];
  const entries = names.map((one) => entryAt(files, `${path}/${one}`));
  return { name, type: 'tree', oid: NOWHERE, object: { __typename: 'Tree', entries } };
}
