/** How a failed command says so, and the exit code of each kind of failure. */
import { type ErrorCode, printable, SluiceError } from '../core/index.js';
import { safeJson } from './safe-json.js';
import { ExitCode, UsageError } from './run.js';

const MAX_TEXT = 2000;
const NOTHING_THERE: readonly ErrorCode[] = ['CHANNEL_NOT_FOUND', 'SESSION_NOT_FOUND'];

/** What anything thrown says, in the words of a SluiceError. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof SluiceError) {
    const { code, message, remedy, details } = error;
    return { code, message, remedy, details };
  }
  if (error instanceof UsageError) {
    return { code: 'USAGE', message: error.message, remedy: '', details: {} };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: 'BUG',
    message,
    remedy: 'This is a fault of Sluice itself: please report it with the lines above.',
    details: {},
  };
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage;
  if (error instanceof SluiceError && NOTHING_THERE.includes(error.code)) return ExitCode.nothing;
  return ExitCode.failed;
}

/** Lines for a person. The stack is shown for faults of Sluice only. */
export function failureLines(error: unknown): readonly string[] {
  const { code, message, remedy } = describeFailure(error);
  const lines = [`sluice: ${printable(message, MAX_TEXT)}`];
  if (code === 'BUG' && error instanceof Error) {
    const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
    lines.push(...frames.map((line) => `    ${printable(line.trim())}`));
  }
  if (remedy !== '') lines.push(printable(remedy, MAX_TEXT));
  if (error instanceof SluiceError) lines.push(`More: sluice help ${code}`);
  return lines;
}

/** Writes the failure to standard error, as one JSON object when asked for; returns the exit code. */
export function reportFailure(error: unknown, asJson: boolean): number {
  const text = asJson
    ? safeJson({ error: describeFailure(error) })
    : failureLines(error).join('\n');
  process.stderr.write(`${text}\n`);
  return exitCodeOf(error);
}

/** Standard output or error takes no more: that is said in words, whatever form the result had. */
export function reportOutputFailure(error: NodeJS.ErrnoException): number {
  const message = `cannot write what comes out: ${error.message}`;
  const remedy = 'Free some space, or write it elsewhere.';
  return reportFailure(new SluiceError('SYSTEM', message, { remedy, cause: error }), false);
}
