// What commands in comments ask of the fake GitHub: permissions, reactions, runs that are started again.

import { answerOf } from './description.ts';
import { isOurRepository, NOT_FOUND, type Operations } from './fake-operation.ts';

const PERMISSION = '/repos/{owner}/{repo}/collaborators/{username}/permission';
const REACTIONS = '/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions';

export const COMMAND_OPERATIONS: Operations = {
  [PERMISSION]: {
    GET(fake, parameters) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      const permission = fake.permissions[parameters.username ?? ''] ?? 'none';
      const body = answerOf('get', PERMISSION, 200, { permission, role_name: permission, user: null });
      return { status: 200, body };
    },
  },
  [REACTIONS]: {
    POST(fake, parameters, _query, body) {
      const { content } = body as { content: string };
      const comment = Number(parameters.comment_id);
      if (!isOurRepository(parameters) || !fake.comments.some(({ id }) => id === comment)) return NOT_FOUND;
      fake.reactions.push({ comment, content });
      return { status: 201, body: answerOf('post', REACTIONS, 201, { content, created_at: '2026-01-01T00:00:00Z' }) };
    },
  },
  '/repos/{owner}/{repo}/actions/runs/{run_id}/rerun': {
    POST(fake, parameters) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      fake.reruns.push({ run: Number(parameters.run_id), jobs: 'all' });
      return { status: 201, body: {} };
    },
  },
  '/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs': {
    POST(fake, parameters) {
      if (!isOurRepository(parameters)) return NOT_FOUND;
      fake.reruns.push({ run: Number(parameters.run_id), jobs: 'failed' });
      return { status: 201, body: {} };
    },
  },
};
