// What goes wrong in a way that the user can act on. Every such failure is a PlimsollError with a stable
// code (for scripts), a message that says what and where, a hint that says what to do, and the exit code.

/** Exit codes of the command line and of the action. Outcome codes 0, 1 and 4 come from the verdict. */
export const EXIT = {
  ok: 0,
  fail: 1,
  usage: 2,
  notReady: 3,
  invalid: 4,
  interrupted: 130,
  terminated: 143,
} as const;

const EXIT_BY_CODE = {
  CONFIG_NOT_FOUND: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  ENV_MISSING: EXIT.usage,
  USAGE: EXIT.usage,
  INPUT_NOT_FOUND: EXIT.usage,
  INPUT_INVALID: EXIT.usage,
  OUT_NOT_WRITABLE: EXIT.usage,
  WORKLOAD_INVALID: EXIT.usage,
  BASELINE_DAMAGED: EXIT.usage,
  BASELINE_VERSION: EXIT.usage,
  BASELINE_REFUSED: EXIT.usage,
  RECORD_DAMAGED: EXIT.usage,
  RECORD_VERSION: EXIT.usage,
  GIT_UNREACHABLE: EXIT.invalid,
  FORK_REFUSED: EXIT.invalid,
  ARTIFACT_REFUSED: EXIT.invalid,
  GITHUB_REFUSED: EXIT.invalid,
  COMMAND_NOT_FOUND: EXIT.notReady,
  PORT_TAKEN: EXIT.notReady,
  BOOT_EXITED: EXIT.notReady,
  BOOT_TIMEOUT: EXIT.notReady,
  BUILD_FAILED: EXIT.notReady,
  LOCK_TIMEOUT: EXIT.notReady,
  CLIENT_LIMITS: EXIT.invalid,
  CANCELLED: EXIT.interrupted,
  INTERNAL: EXIT.usage,
} as const;

export type ErrorCode = keyof typeof EXIT_BY_CODE;

export class PlimsollError extends Error {
  readonly code: ErrorCode;
  /** What the user should do now; one or two sentences. */
  readonly hint: string | undefined;

  /** @param message what was wrong, where, and what was expected */
  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlimsollError';
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return EXIT_BY_CODE[this.code];
  }
}
