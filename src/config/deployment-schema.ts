// The section `deployment`: what is under test and how it is started.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: descriptions quote placeholders

import { z } from 'zod';
import { ENGINES, ENGINES_TABLE } from './engines.ts';
import { durationMs, positiveDurationMs, show, textMap } from './fields.ts';

export const deploymentSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
        error: ({ input }) =>
          `${show(input)} is not a name; use letters, digits, ".", "_" and "-", at most 63 characters: it names a folder of the baseline store`,
      })
      .describe(
        'Names the deployment in reports and its folder in the baseline store. In a pull request the base’s counts.',
      ),
    kind: z
      .enum(['process', 'container', 'compose', 'kubernetes', 'external'])
      .default('process')
      .describe(
        'process: Plimsoll starts `command`. external: it is already running at `url`. The others are not available in this version.',
      ),
    build: z
      .union([z.string(), z.array(z.string()).min(1)], {
        error: ({ input }) => `${show(input)} is not a command; write text, or a list of texts`,
      })
      .optional()
      .describe('Run once before the first boot; without a shell unless `shell` says so.'),
    command: z
      .array(z.string())
      .min(1)
      .optional()
      .describe(
        'The server and its arguments, as a list; without a shell unless `shell` says so. ${NAME} and ${NAME:-default} come from the environment.',
      ),
    shell: z.boolean().default(false).describe('Run `build` and `command` in a shell.'),
    cwd: z.string().optional().describe('Working folder, relative to the configuration file.'),
    env: textMap
      .default({})
      .describe(
        'Environment of the deployment. "${HF_TOKEN}" takes the value from the environment of Plimsoll, masks it and never records it; "$${" is a literal "${".',
      ),
    url: z
      .url({
        protocol: /^https?$/,
        error: ({ input }) =>
          input === undefined
            ? 'is missing; write where the server answers, such as "http://127.0.0.1:8000"'
            : 'is not a URL; write one such as "http://127.0.0.1:8000"',
      })
      .describe('Where the server answers, without the path of the API.'),
    headers: textMap.default({}).describe('Sent with every request, such as authorization.'),
    ca: z.string().optional().describe('PEM file of a certificate authority to trust for `url`.'),
    ready: z
      .strictObject({
        path: z
          .string()
          .startsWith('/')
          .optional()
          .describe('Answers 2xx once the model is loaded; default by engine, mostly /health.'),
        timeout: positiveDurationMs.prefault('15m').describe('How long a boot may take.'),
        interval: positiveDurationMs.prefault('250ms').describe('Pause between two looks.'),
      })
      .prefault({})
      .describe('When the deployment counts as ready.'),
    stopTimeout: durationMs
      .prefault('15s')
      .describe('How long the deployment may take to end after SIGTERM, before SIGKILL.'),
    engine: z
      .enum(ENGINES)
      .default('openai')
      .describe('Which extra body fields, metrics and version calls the server has.'),
    metrics: z
      .string()
      .optional()
      .describe('Where the engine’s Prometheus metrics are: a path on `url`, or a whole URL. Default by engine.'),
    subject: textMap
      .default({})
      .describe(
        'What the report should say about the subject beyond what Plimsoll finds out: image, revision, quantisation.',
      ),
    runnerClass: z
      .string()
      .optional()
      .describe(
        'A label for the machine class, part of the environment: boots on other classes are never compared. In a pull request the base’s counts.',
      ),
  })
  .superRefine(({ kind, command }, context) => {
    if (kind === 'process' && command === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['command'],
        message:
          'is missing; kind: process needs the command that starts the server (or write kind: external for one that runs already)',
      });
    }
    if (kind === 'external' && command !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['command'],
        message: 'has no use with kind: external, which starts nothing; remove it or write kind: process',
      });
    }
  })
  .transform((deployment) => ({
    ...deployment,
    ready: { ...deployment.ready, path: deployment.ready.path ?? ENGINES_TABLE[deployment.engine].readyPath },
  }))
  .describe('What is under test and how it is started.');
