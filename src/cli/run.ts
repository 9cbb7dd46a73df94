/**
 * One run of a command: when it has to end, where its lines go, and the exit code that comes of it.
 * On the way of `sluice ls`, so it imports nothing.
 */

/** What `sluice` exits with. */
export const ExitCode = Object.freeze({
  done: 0,
  failed: 1,
  usage: 2,
  /** Nothing to attach to: no such channel. */
  nothing: 3,
  interrupted: 130,
});

/** The command line asks for what cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Wrong arguments that come from the command line are its user's mistake, not a fault of this program. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw usageErrorOf(error);
  }
}

/** As `asUsage`, for what checks its arguments and then goes on. */
export async function opensAsUsage<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw usageErrorOf(error);
  }
}

function usageErrorOf(error: unknown): unknown {
  const wrongArgument = error instanceof TypeError || error instanceof RangeError;
  return wrongArgument ? new UsageError(error.message) : error;
}

/** Options of every command. */
export interface CommonOptions {
  readonly json?: boolean;
  /** Runtime directory. */
  readonly dir?: string;
  readonly quiet?: boolean;
  /** Ends the command after this time. */
  readonly seconds?: number;
}

/** Why a run ends before its command has come to its own end; done: its user told it so. */
export type EndCause = 'interrupted' | 'time' | 'output' | 'done';

/** The reason of `Run.signal`: a wait that rejects with it is no failure. */
export class RunEnd extends Error {
  override readonly name = 'RunEnd';
  readonly endCause: EndCause;

  constructor(endCause: EndCause) {
    super(`the command ends: ${endCause}`);
    this.endCause = endCause;
  }
}

const END_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export class Run {
  readonly options: CommonOptions;
  /** Why nothing more can be written, unless its reader went: a disk is full, for example. */
  outputFailure: NodeJS.ErrnoException | undefined;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onSignal = (): void => {
    // The second one is impatience: whatever hangs, the process goes.
    if (this.cause === 'interrupted') process.exit(ExitCode.interrupted);
    this.end('interrupted');
  };
  #onHangup: (() => void) | undefined;
  readonly #onHangupSignal = (): void => (this.#onHangup ?? this.#onSignal)();
  readonly #onOutputError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') this.outputFailure ??= error;
    this.end('output');
  };

  constructor(options: CommonOptions) {
    this.options = options;
    for (const name of END_SIGNALS) process.on(name, this.#onSignal);
    process.on('SIGHUP', this.#onHangupSignal);
    process.stdout.on('error', this.#onOutputError);
    process.stderr.on('error', this.#onOutputError);
    const { seconds } = options;
    if (seconds !== undefined) this.#timer = setTimeout(() => this.end('time'), seconds * 1000);
  }

  /** Aborted when the run has to end: by a signal, by `--seconds`, when nobody reads the output any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get cause(): EndCause | undefined {
    const { reason } = this.signal;
    return reason instanceof RunEnd ? reason.endCause : undefined;
  }

  get ended(): boolean {
    return this.signal.aborted;
  }

  get json(): boolean {
    return this.options.json === true;
  }

  end(cause: EndCause): void {
    if (!this.ended) this.#controller.abort(new RunEnd(cause));
  }

  /** From here on SIGHUP does not end the run but calls this, as services read their files again. */
  onHangup(call: () => void): void {
    this.#onHangup = call;
  }

  /** A line of the result, for standard output. */
  print(line: string): void {
    // The reader of a pipe that went is told once; the rest would be an error a line.
    if (this.cause !== 'output') process.stdout.write(`${line}\n`);
  }

  /** A line beside the result, for standard error; none with `--quiet`. */
  note(line: string): void {
    if (this.options.quiet !== true) process.stderr.write(`${line}\n`);
  }

  close(): void {
    for (const name of END_SIGNALS) process.off(name, this.#onSignal);
    process.off('SIGHUP', this.#onHangupSignal);
    clearTimeout(this.#timer);
  }
}

/**
 * Runs the action of a command and returns the exit code: the action's, 130 after a signal, or that
 * of what it threw, which is reported here.
 */
export async function execute(
  action: (run: Run) => Promise<number | void>,
  options: CommonOptions,
): Promise<number> {
  const run = new Run(options);
  try {
    const code = await outcomeOf(action, run);
    // What was written last is told of in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    if (run.outputFailure === undefined) return code;
    const { reportOutputFailure } = await import('./failure.js');
    return reportOutputFailure(run.outputFailure);
  } finally {
    run.close();
  }
}

async function outcomeOf(action: (run: Run) => Promise<number | void>, run: Run): Promise<number> {
  try {
    const code = (await action(run)) ?? ExitCode.done;
    return run.cause === 'interrupted' ? ExitCode.interrupted : code;
  } catch (error) {
    if (error instanceof RunEnd) {
      return error.endCause === 'interrupted' ? ExitCode.interrupted : ExitCode.done;
    }
    const { reportFailure } = await import('./failure.js');
    return reportFailure(error, run.json);
  }
}
