// Entry of a process that uploads files as an artifact of the workflow run. A process of its own: the runner's token is
// in its environment and in no other's, and an upload that hangs can be ended. In: an UploadJob as its argument. Out: an
// UploadAnswer over IPC, of which the first counts; what the library says on the way goes to stdout.

import { DefaultArtifactClient } from '@actions/artifact';
import type { UploadAnswer, UploadJob } from './artifact.ts';

const { name, folder, files } = JSON.parse(process.argv[2]!) as UploadJob;
const answer = (answer: UploadAnswer): void => void process.send!(answer, () => process.disconnect());
// The library throws some errors (a file that can't be read) out of handlers of events, where nobody can catch them.
process.on('uncaughtException', ({ message }) => process.send!({ problem: message }, () => process.exit(1)));
try {
  const { id, size } = await new DefaultArtifactClient().uploadArtifact(name, [...files], folder);
  if (id === undefined) throw new Error('GitHub gave it no number');
  answer({ id, bytes: size ?? null });
} catch (error) {
  answer({ problem: (error as Error).message });
}
