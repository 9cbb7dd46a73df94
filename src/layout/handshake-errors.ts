/** Errors on their way through an `ERROR` frame: bounded on the way out, made harmless on the way in. */
import { ERROR_TABLE, SluiceError, type ErrorCode } from '../core/errors.js';
import { printable } from '../core/printable.js';
import type { ErrorBody } from './handshake-bodies.js';
import { encodeFrame, FrameType } from './handshake-frame.js';

const MAX_MESSAGE_LENGTH = 1024;
const MAX_DETAILS_LENGTH = 4096;
const MAX_DETAILS_DEPTH = 4;
const MAX_DETAILS_ENTRIES = 64;

/** An `ERROR` frame for anything thrown. Details that are large or no JSON are left out: the frame always fits. */
export function encodeErrorFrame(error: unknown): Uint8Array {
  const known = error instanceof SluiceError;
  const text = error instanceof Error ? error.message : String(error);
  const body: ErrorBody = {
    code: known ? error.code : 'SYSTEM',
    message: text.slice(0, MAX_MESSAGE_LENGTH),
    remedy: (known ? error.remedy : ERROR_TABLE.SYSTEM.remedy).slice(0, MAX_MESSAGE_LENGTH),
  };
  const details = known ? smallJson(error.details) : undefined;
  return encodeFrame(FrameType.ERROR, details === undefined ? body : { ...body, details });
}

function smallJson(details: Readonly<Record<string, unknown>>): unknown {
  try {
    const text = JSON.stringify(details);
    return text.length <= MAX_DETAILS_LENGTH ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error a peer reported. Its text is made printable and cut; a code that is not in the table becomes PROTOCOL.
 * `prefix` says whose words follow, for example `camera/door refused: `.
 */
export function errorOfBody(body: ErrorBody, prefix: string): SluiceError {
  const known = Object.hasOwn(ERROR_TABLE, body.code);
  const code: ErrorCode = known ? (body.code as ErrorCode) : 'PROTOCOL';
  const unknownCode = known ? '' : `unknown error '${printable(body.code, 64)}': `;
  const message = `${prefix}${unknownCode}${printable(body.message, MAX_MESSAGE_LENGTH)}`;
  const details = printableJson(body.details ?? {}, 0) as Readonly<Record<string, unknown>>;
  const remedy = printable(body.remedy, MAX_MESSAGE_LENGTH);
  return new SluiceError(code, message, remedy === '' ? { details } : { details, remedy });
}

/** Foreign JSON with every text printable, in null-prototype objects of bounded size and depth. */
function printableJson(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return printable(value, MAX_MESSAGE_LENGTH);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DETAILS_DEPTH) return '…';
  if (Array.isArray(value)) {
    return value.slice(0, MAX_DETAILS_ENTRIES).map((entry) => printableJson(entry, depth + 1));
  }
  const safe = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of Object.entries(value).slice(0, MAX_DETAILS_ENTRIES)) {
    safe[printable(key, 64)] = printableJson(entry, depth + 1);
  }
  return safe;
}
