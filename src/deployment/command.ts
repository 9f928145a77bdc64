// Runs a short command (nvidia-smi, git) for its output, with a time limit that holds even where the command
// leaves children behind that keep its pipes open.

import { spawn } from 'node:child_process';

export type CommandResult =
  | { readonly kind: 'done'; readonly code: number | null; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'timeout' };

const OUTPUT_LIMIT = 1_048_576;

/** Never rejects. On timeout, and when `signal` fires, the command's whole process group is killed. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly cwd?: string; readonly signal?: AbortSignal | undefined },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: options.cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const end = (result: CommandResult) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', giveUp);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(result);
    };
    const giveUp = () => {
      if (child.pid !== undefined) killGroup(child.pid);
      end({ kind: 'timeout' });
    };
    const timer = setTimeout(giveUp, options.timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < OUTPUT_LIMIT) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < OUTPUT_LIMIT) stderr += text;
    });
    child.once('error', () => end({ kind: 'missing' }));
    child.once('close', (code) => end({ kind: 'done', code, stdout, stderr }));
    if (options.signal?.aborted) giveUp();
    else options.signal?.addEventListener('abort', giveUp, { once: true });
  });
}

export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
