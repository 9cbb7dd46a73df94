/** Runs a test's helper program in a process of its own and waits for its end. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ProgramResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly nodeOptions?: readonly string[];
  /** RLIMIT_NOFILE of the program. */
  readonly maxDescriptors?: number;
  /** Descriptors it gets as 3, 4, … */
  readonly inherit?: readonly number[];
}

/** A program that hangs is a failure, not a hung test run. */
const KILL_AFTER_MS = 15_000;

export function runProgram(
  module: string | URL,
  programArguments: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const file = fileURLToPath(module);
  const command = [...(options.nodeOptions ?? []), file, ...programArguments];
  const limit = options.maxDescriptors;
  const child =
    limit === undefined
      ? spawn(process.execPath, command, {
          stdio: ['ignore', 'pipe', 'pipe', ...(options.inherit ?? [])],
        })
      : spawn('sh', ['-c', `ulimit -n ${limit} && exec "$0" "$@"`, process.execPath, ...command], {
          stdio: ['ignore', 'pipe', 'pipe', ...(options.inherit ?? [])],
        });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const deadline = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(deadline);
      resolve({ code, signal, stdout, stderr });
    });
  });
}
