/**
 * Validators of handshake bodies, written by hand. A body is foreign JSON: each field is checked for type and range,
 * unknown keys are ignored, and what comes out is a fresh object with the known keys only.
 */
import { describe } from '../core/arguments.js';
import { SluiceError } from '../core/errors.js';
import { printable } from '../core/printable.js';
import {
  GPU_UUID,
  MAX_DATA_BYTES,
  MAX_LABEL_LENGTH,
  MAX_LAG,
  MAX_LEASES,
  type ClientFrame,
  type DataTerms,
  type Epoch,
  type ErrorBody,
  type Hello,
  type ObserverWelcome,
  type ServerFrame,
  type StartPosition,
  type Stats,
  type Welcome,
} from './handshake-bodies.js';
import { decodeBody, FrameType, frameTypeName, PROTOCOL_VERSION } from './handshake-frame.js';

type ForeignObject = Readonly<Record<string, unknown>>;

const MAX_SHARES = 65536;
const MAX_CONTROL_BYTES = 2 ** 40;
const MAX_EPOCH = 2 ** 32 - 1;
const UUID_WANTED = "the UUID of a GPU, 'GPU-' and 36 of 0-9, a-f and -";

/** Validates a frame that a server received. Throws PROTOCOL with the path of the bad field. */
export function parseClientFrame(type: FrameType, bytes: Uint8Array): ClientFrame {
  switch (type) {
    case FrameType.HELLO:
      return { type, body: parseHello(fields(type, bytes)) };
    case FrameType.ACK:
      return { type, body: { epoch: fields(type, bytes).integer('epoch', 0, MAX_EPOCH) } };
    case FrameType.BYE:
      return { type, body: { reason: fields(type, bytes).text('reason') } };
    case FrameType.WAKE:
      return { type, body: null };
    case FrameType.STATS:
      if (bytes.length > 0) throw new SluiceError('PROTOCOL', 'STATS from a client has no body');
      return { type, body: null };
    default:
      throw new SluiceError('PROTOCOL', `a client does not send ${frameTypeName(type)}`);
  }
}

/** Validates a frame that a client received. Throws PROTOCOL with the path of the bad field. */
export function parseServerFrame(type: FrameType, bytes: Uint8Array): ServerFrame {
  switch (type) {
    case FrameType.WELCOME:
      return { type, body: parseWelcome(fields(type, bytes)) };
    case FrameType.EPOCH:
      return { type, body: parseEpoch(fields(type, bytes)) };
    case FrameType.BYE:
      return { type, body: { reason: fields(type, bytes).text('reason') } };
    case FrameType.ERROR:
      return { type, body: parseError(fields(type, bytes)) };
    case FrameType.STATS:
      return { type, body: parseStats(fields(type, bytes)) };
    case FrameType.WAKE:
      return { type, body: null };
    default:
      throw new SluiceError('PROTOCOL', `a server does not send ${frameTypeName(type)}`);
  }
}

function parseHello(hello: Fields): Hello {
  const protocol = hello.integer('protocol', 0, 65535);
  if (protocol !== PROTOCOL_VERSION) {
    throw new SluiceError(
      'PROTOCOL',
      `HELLO.protocol is ${protocol}, this side speaks ${PROTOCOL_VERSION}`,
      { details: { found: protocol, needed: PROTOCOL_VERSION } },
    );
  }
  const role = hello.oneOf('role', ['subscriber', 'observer']);
  const label = hello.text('label', MAX_LABEL_LENGTH);
  if (role === 'observer') {
    const nothing = { maxLag: 0, leases: 0, start: 'newest', bootId: '', monotonicNs: 0 } as const;
    return { protocol, role, delivery: 'latest', label, ...nothing };
  }
  const share = parseShare(hello);
  const keyFramesOnly = hello.value('keyFramesOnly');
  if (keyFramesOnly !== undefined && typeof keyFramesOnly !== 'boolean') {
    throw hello.refusal('keyFramesOnly', 'true or false', keyFramesOnly);
  }
  const device = hello.value('device');
  const copy = hello.value('copy');
  return {
    protocol,
    role,
    delivery: hello.oneOf('delivery', ['latest', 'every']),
    maxLag: hello.integer('maxLag', 0, MAX_LAG),
    leases: hello.integer('leases', 0, MAX_LEASES),
    start: parseStart(hello),
    ...(share === undefined ? {} : { share }),
    ...(keyFramesOnly === undefined ? {} : { keyFramesOnly }),
    ...(device === undefined ? {} : { device: hello.matching('device', GPU_UUID, UUID_WANTED) }),
    ...(copy === undefined ? {} : { copy: hello.oneOf('copy', ['host']) }),
    label,
    bootId: hello.text('bootId', 64),
    monotonicNs: hello.finite('monotonicNs'),
  };
}

function parseStart(hello: Fields): StartPosition {
  const start = hello.value('start');
  if (start === 'newest' || start === 'oldest') return start;
  if (Number.isSafeInteger(start) && (start as number) >= 0) return start as number;
  throw hello.refusal('start', "'newest', 'oldest' or a sequence", start);
}

function parseShare(hello: Fields): readonly [number, number] | undefined {
  const share = hello.value('share');
  if (share === undefined) return undefined;
  if (Array.isArray(share) && share.length === 2) {
    const [index, count] = share as [unknown, unknown];
    const counts = Number.isInteger(count) && (count as number) >= 1;
    if (counts && (count as number) <= MAX_SHARES && Number.isInteger(index)) {
      const [first, all] = [index as number, count as number];
      if (first >= 0 && first < all) return [first, all];
    }
  }
  throw hello.refusal('share', `[index, count] with 0 ≤ index < count ≤ ${MAX_SHARES}`, share);
}

function parseWelcome(welcome: Fields): Welcome | ObserverWelcome {
  const manifest = welcome.object('manifest');
  if (welcome.value('stats') !== undefined) {
    return { manifest, stats: parseStats(new Fields('WELCOME.stats', welcome.value('stats'))) };
  }
  return {
    manifest,
    subscriber: welcome.integer('subscriber', 0, Number.MAX_SAFE_INTEGER),
    leases: welcome.integer('leases', 0, MAX_LEASES),
    maxLag: welcome.integer('maxLag', 0, MAX_LAG),
    sequence: welcome.integer('sequence', 0, Number.MAX_SAFE_INTEGER),
    controlBytes: welcome.integer('controlBytes', 1, MAX_CONTROL_BYTES),
    clockOffsetNs: welcome.finite('clockOffsetNs'),
    ...parseDataTerms(welcome),
  };
}

function parseEpoch(epoch: Fields): Epoch {
  return {
    manifest: epoch.object('manifest'),
    sequence: epoch.integer('sequence', 0, Number.MAX_SAFE_INTEGER),
    controlBytes: epoch.integer('controlBytes', 1, MAX_CONTROL_BYTES),
    ...parseDataTerms(epoch),
  };
}

function parseDataTerms(body: Fields): DataTerms {
  const [bytes, from] = [body.value('dataBytes'), body.value('mirroredFrom')];
  const copied = body.value('copied');
  return {
    ...(bytes === undefined ? {} : { dataBytes: body.integer('dataBytes', 1, MAX_DATA_BYTES) }),
    ...(from === undefined
      ? {}
      : { mirroredFrom: body.integer('mirroredFrom', 0, Number.MAX_SAFE_INTEGER) }),
    ...(copied === undefined ? {} : { copied: body.oneOf('copied', ['host']) }),
  };
}

function parseError(error: Fields): ErrorBody {
  const details = error.value('details');
  return {
    code: error.text('code', 64),
    message: error.text('message'),
    remedy: error.value('remedy') === undefined ? '' : error.text('remedy'),
    ...(details === undefined ? {} : { details: error.object('details') }),
  };
}

function parseStats(stats: Fields): Stats {
  const subscribers = stats.value('subscribers');
  if (!Array.isArray(subscribers) || !subscribers.every(isObject)) {
    throw stats.refusal('subscribers', 'an array of objects', subscribers);
  }
  const omitted = stats.value('omitted');
  return {
    publisher: stats.object('publisher'),
    subscribers,
    ...(omitted === undefined ? {} : { omitted: stats.integer('omitted', 0, 65536) }),
  };
}

function isObject(value: unknown): value is ForeignObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fields(type: FrameType, bytes: Uint8Array): Fields {
  return new Fields(frameTypeName(type), decodeBody(type, bytes));
}

/** Reads the fields of one foreign object; `path` stands before the field's name in errors. */
class Fields {
  readonly #path: string;
  readonly #object: ForeignObject;

  constructor(path: string, value: unknown) {
    if (!isObject(value)) {
      throw new SluiceError('PROTOCOL', `${path} must be an object, got ${shown(value)}`);
    }
    this.#path = path;
    this.#object = value;
  }

  value(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  integer(key: string, min: number, max: number): number {
    const value = this.value(key);
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number;
    }
    throw this.refusal(key, `an integer from ${min} to ${max}`, value);
  }

  /** A number; JSON has no NaN, but 1e999 reads as Infinity. */
  finite(key: string): number {
    const value = this.value(key);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.refusal(key, 'a finite number', value);
  }

  text(key: string, maxLength = Number.POSITIVE_INFINITY): string {
    const value = this.value(key);
    if (typeof value === 'string' && value.length <= maxLength) return value;
    throw this.refusal(key, maxLength < 1e9 ? `text of at most ${maxLength}` : 'text', value);
  }

  /** `wanted` says the expression in words. */
  matching(key: string, expression: RegExp, wanted: string): string {
    const value = this.value(key);
    if (typeof value === 'string' && expression.test(value)) return value;
    throw this.refusal(key, wanted, value);
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T {
    const value = this.value(key);
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw this.refusal(key, choices.map((choice) => `'${choice}'`).join(' or '), value);
  }

  object(key: string): ForeignObject {
    const value = this.value(key);
    if (isObject(value)) return value;
    throw this.refusal(key, 'an object', value);
  }

  refusal(key: string, needed: string, found: unknown): SluiceError {
    const path = `${this.#path}.${key}`;
    return new SluiceError('PROTOCOL', `${path} must be ${needed}, got ${shown(found)}`, {
      details: { field: path, needed },
    });
  }
}

function shown(value: unknown): string {
  return printable(describe(value), 96);
}
