/**
 * A frame or message as it stands in an MCAP file: what was said of it, and its bytes as they were.
 *
 * ```text
 * 0 u32 length of the header, little-endian | header, JSON in UTF-8 | bytes
 * ```
 */
import { SluiceError } from '../../core/index.js';

/** How the messages of a file are encoded, and the schema that says so. */
export const UNIT_ENCODING = 'sluice';
export const UNIT_SCHEMA = Object.freeze({
  name: 'sluice.Unit',
  encoding: 'text',
  data: Buffer.from(
    'u32 n, little-endian; n bytes of JSON: ptsNs, dtsNs, captureTimeNs (CLOCK_MONOTONIC of the recorder), id (decimal), ' +
      'key, discontinuity, type, sequence, shape, userData (Base64); then the bytes of the frame or message. ' +
      'The metadata of a channel has its format as JSON.',
  ),
});

/** What travels beside the bytes. What a unit does not have is left out. */
export interface UnitHeader {
  readonly sequence: number;
  readonly ptsNs?: number;
  readonly dtsNs?: number;
  readonly captureTimeNs?: number;
  /** Decimal. */
  readonly id?: string;
  readonly key?: boolean;
  readonly discontinuity?: boolean;
  readonly type?: number;
  /** Of variable tensors, by name. */
  readonly shape?: Readonly<Record<string, readonly number[]>>;
  /** Base64. */
  readonly userData?: string;
}

export interface Unit {
  readonly header: UnitHeader;
  readonly bytes: Uint8Array;
}

/** The bytes are copied: the memory they come from may be written again afterwards. */
export function encodeUnit(header: UnitHeader, bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(JSON.stringify(header));
  const unit = Buffer.allocUnsafe(4 + text.byteLength + bytes.byteLength);
  unit.writeUInt32LE(text.byteLength, 0);
  unit.set(text, 4);
  unit.set(bytes, 4 + text.byteLength);
  return unit;
}

/** Throws `FORMAT_MISMATCH` for what `encodeUnit` has not made. */
export function decodeUnit(unit: Uint8Array): Unit {
  const view = Buffer.from(unit.buffer, unit.byteOffset, unit.byteLength);
  const length = view.byteLength >= 4 ? view.readUInt32LE(0) : Infinity;
  if (4 + length > view.byteLength) throw notUnit('its header is longer than all of it');
  let header: unknown;
  try {
    header = JSON.parse(view.toString('utf8', 4, 4 + length));
  } catch {
    throw notUnit('its header is no JSON');
  }
  const problem = headerProblem(header);
  if (problem !== undefined) throw notUnit(problem);
  return { header: header as UnitHeader, bytes: view.subarray(4 + length) };
}

const NUMBERS = ['sequence', 'ptsNs', 'dtsNs', 'captureTimeNs', 'type'] as const;

function headerProblem(header: unknown): string | undefined {
  if (typeof header !== 'object' || header === null) return 'its header is no object';
  const fields = header as Readonly<Record<string, unknown>>;
  for (const name of NUMBERS) {
    const value = fields[name];
    if (value !== undefined && !Number.isSafeInteger(value)) return `${name} is no integer`;
  }
  const { id, userData } = fields;
  if (id !== undefined && !(typeof id === 'string' && /^\d{1,20}$/.test(id))) return 'id is none';
  if (userData !== undefined && typeof userData !== 'string') return 'userData is no text';
  return undefined;
}

function notUnit(what: string): SluiceError {
  return new SluiceError(
    'FORMAT_MISMATCH',
    `a message of the file was not made by sluice: ${what}`,
  );
}
