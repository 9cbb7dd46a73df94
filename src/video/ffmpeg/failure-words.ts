/** What went wrong, from what ffmpeg said last: its exit status tells nothing. */
import { type ErrorCode, SluiceError } from '../../core/index.js';
import { SystemCallError } from '../../ffi/index.js';
import { systemFailure } from '../../memory/index.js';
import type { ChildEnd } from './child.js';
import { NutError } from './nut-header.js';
import { isShortage, startFailure } from './start-failure.js';

type CameraCode = Extract<ErrorCode, `CAMERA_${string}`>;

interface Reading {
  readonly pattern: RegExp;
  readonly code: CameraCode;
  readonly found: string;
  /** Trying again without a change of the input is of no use. */
  readonly isLasting: boolean;
}

const READINGS: readonly Reading[] = [
  lasting(/No such file or directory/, 'CAMERA_UNREACHABLE', 'it does not exist'),
  lasting(/No such device/, 'CAMERA_UNREACHABLE', 'there is no such device'),
  lasting(
    /Not a video capture device|Inappropriate ioctl/,
    'CAMERA_FORMAT',
    'it is a device that gives no pictures',
  ),
  lasting(/Permission denied/, 'CAMERA_UNREACHABLE', 'this user may not read it'),
  lasting(/Is a directory/, 'CAMERA_UNREACHABLE', 'it is a directory'),
  lasting(/401 Unauthorized/, 'CAMERA_DENIED', 'name or password are wrong (401 Unauthorized)'),
  lasting(/403 Forbidden/, 'CAMERA_DENIED', 'access is forbidden (403 Forbidden)'),
  passing(/404 (?:Stream )?Not Found/i, 'CAMERA_UNREACHABLE', 'the server has no such path (404)'),
  passing(/Connection refused/, 'CAMERA_UNREACHABLE', 'the connection was refused'),
  passing(/timed out/i, 'CAMERA_UNREACHABLE', 'it does not answer'),
  passing(/No route to host|unreachable/, 'CAMERA_UNREACHABLE', 'the network does not reach it'),
  passing(
    /Failed to resolve|Name or service not known|name resolution/,
    'CAMERA_UNREACHABLE',
    'its name cannot be resolved',
  ),
  passing(/Device or resource busy/, 'CAMERA_UNREACHABLE', 'another program has the device'),
  passing(
    /cannot open display/i,
    'CAMERA_UNREACHABLE',
    'there is no such screen, or this user may not see it',
  ),
  passing(/could not.*connect/i, 'CAMERA_UNREACHABLE', 'it cannot be opened'),
  lasting(/matches no streams/, 'CAMERA_FORMAT', 'there are no pictures in it'),
  lasting(
    /decoder.*not found|Unknown decoder|No decoder/i,
    'CAMERA_FORMAT',
    'ffmpeg cannot decode it',
  ),
  lasting(
    /[Cc]ould not find codec parameters/,
    'CAMERA_FORMAT',
    'its pictures are damaged or unknown',
  ),
  // Of a live input that may be for want of a key frame.
  passing(
    /dimensions not set|incorrect codec parameters/,
    'CAMERA_FORMAT',
    'its pictures are damaged or unknown',
  ),
  passing(/End of file/, 'CAMERA_UNREACHABLE', 'it ends before it should'),
  lasting(
    /patches welcome/,
    'CAMERA_FORMAT',
    'it is damaged, or of a kind that ffmpeg cannot read',
  ),
  lasting(/Invalid data found|moov atom not found/, 'CAMERA_FORMAT', 'it is damaged, or no video'),
];

function lasting(pattern: RegExp, code: CameraCode, found: string): Reading {
  return { pattern, code, found, isLasting: true };
}

function passing(pattern: RegExp, code: CameraCode, found: string): Reading {
  return { pattern, code, found, isLasting: false };
}

/** Why a camera is not there. */
export interface CameraFailure {
  readonly error: SluiceError;
  readonly isLasting: boolean;
}

/** `attempt`: what was tried, such as "camera/door: cannot open rtsp://host/path". */
export function readFailure(attempt: string, end: ChildEnd): CameraFailure {
  return failureOf(attempt, end, { words: end.lines.at(-1), isLasting: false });
}

/** `unknown`: what is said of a failure that is not among those above. */
function failureOf(
  attempt: string,
  end: ChildEnd,
  unknown: { readonly words: string | undefined; readonly isLasting: boolean },
): CameraFailure {
  if (end.error !== undefined) {
    const error = startFailure(end.error);
    return { error, isLasting: !isShortage(error) };
  }
  const { lines } = end;
  const reading = READINGS.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const { code, found, isLasting } = reading ?? {
    code: 'CAMERA_UNREACHABLE' as const,
    found: unknown.words === undefined ? 'it has ended' : `ffmpeg says: ${unknown.words}`,
    isLasting: unknown.isLasting,
  };
  const error = new SluiceError(code, `${attempt}: ${found}`, { details: { ffmpeg: lines } });
  return { error, isLasting };
}

/** As `readFailure`, of a graph of filters: it stays as it is, and the first that ffmpeg says of it is what is wrong. */
export function graphFailure(attempt: string, end: ChildEnd): CameraFailure {
  const words = end.lines[0]?.replace(/^\[\S+ @ 0x[0-9a-f]+\] /, '');
  return failureOf(attempt, end, { words, isLasting: end.status !== undefined });
}

/** What broke the reading of an ffmpeg's output. Bugs are thrown on. */
export function readingFailure(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  if (error instanceof NutError) {
    const message = `what ffmpeg sends is not the NUT it should be: ${error.message}`;
    return new SluiceError('CAMERA_FORMAT', message, { cause: error });
  }
  if (!(error instanceof SystemCallError)) throw error;
  return systemFailure('read what ffmpeg sends', error) as SluiceError;
}
