/** Frames of the handshake by section 4 of spec/protocol.md. Written from the document: nothing here comes from src/. */
import { Fields, isObject, isWhole, type Json, parseJson, Refused } from './foreign-fields.js';

const TYPES = ['', 'HELLO', 'WELCOME', 'EPOCH', 'ACK', 'WAKE', 'BYE', 'ERROR', 'STATS'];
const TO_SERVER = [1, 4, 5, 6, 8];
const TO_CLIENT = [2, 3, 5, 6, 7, 8];
const MAX_SAFE = 2 ** 53 - 1;
const UUID = /^GPU-[0-9a-f-]{36}$/;

export interface DecodedFrame {
  readonly type: number;
  readonly body: unknown;
}

/** Undefined while bytes are missing. */
export function decodeFrame(bytes: Uint8Array, receiver: string): DecodedFrame | undefined {
  if (bytes.length < 16) return undefined;
  const header = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const type = header.getUint16(6, true);
  const length = header.getUint32(8, true);
  const wrong: readonly [boolean, string][] = [
    [header.getUint32(0, true) !== 0x43554c53, 'magic'],
    [header.getUint16(4, true) !== 1, 'version'],
    [type < 1 || type > 8, 'type'],
    [length > 65536, 'length'],
    [type === 5 && length !== 0, 'length of WAKE'],
    [header.getUint32(12, true) !== 0, 'reserved word'],
  ];
  for (const [found, field] of wrong) if (found) throw new Refused('header', field);
  if (bytes.length < 16 + length) return undefined;
  const name = TYPES[type] as string;
  if (!(receiver === 'server' ? TO_SERVER : TO_CLIENT).includes(type)) {
    throw new Refused('direction', name);
  }
  if (type === 5) return { type, body: null };
  if (type === 8 && receiver === 'server') {
    if (length > 0) throw new Refused('body', name);
    return { type, body: null };
  }
  const body = bytes.subarray(16, 16 + length);
  if (nesting(body) > 16) throw new Refused('depth', name);
  const value = length === 0 ? null : parseJson(body, name);
  return { type, body: bodyOf(new Fields(value, name)) };
}

function nesting(body: Uint8Array): number {
  let [depth, deepest] = [0, 0];
  let [quoted, escaped] = [false, false];
  for (const byte of body) {
    const sign = String.fromCodePoint(byte);
    if (quoted) {
      quoted = escaped || sign !== '"';
      escaped = !escaped && sign === '\\';
    } else if (sign === '"') quoted = true;
    else if (sign === '[' || sign === '{') deepest = Math.max(deepest, ++depth);
    else if (sign === ']' || sign === '}') depth -= 1;
  }
  return deepest;
}

function bodyOf(f: Fields): unknown {
  switch (f.path) {
    case 'HELLO':
      return hello(f);
    case 'WELCOME':
      return welcome(f);
    case 'EPOCH':
      return { manifest: f.object('manifest'), ...placeOf(f) };
    case 'ACK':
      return { epoch: f.integer('epoch', 0, 2 ** 32 - 1) };
    case 'BYE':
      return { reason: f.text('reason') };
    case 'ERROR':
      return error(f);
    default:
      return stats(f);
  }
}

function hello(f: Fields): Json {
  f.integer('protocol', 1, 1);
  const role = f.oneOf('role', ['subscriber', 'observer']);
  const found: Json = { protocol: 1, role, label: f.text('label', 128) };
  if (role === 'observer') return found;
  found['delivery'] = f.oneOf('delivery', ['latest', 'every']);
  found['maxLag'] = f.integer('maxLag', 0, 2 ** 30);
  found['leases'] = f.integer('leases', 0, 16);
  const start = f.raw('start');
  const named = start === 'newest' || start === 'oldest';
  found['start'] = named ? start : f.integer('start', 0, MAX_SAFE);
  if (f.has('share')) found['share'] = shareOf(f);
  if (f.has('keyFramesOnly')) found['keyFramesOnly'] = f.boolean('keyFramesOnly');
  if (f.has('device')) found['device'] = f.matching('device', UUID);
  if (f.has('copy')) found['copy'] = f.oneOf('copy', ['host']);
  found['bootId'] = f.text('bootId', 64);
  found['monotonicNs'] = f.finite('monotonicNs');
  return found;
}

function shareOf(f: Fields): readonly unknown[] {
  const share = f.raw('share');
  if (!Array.isArray(share) || share.length !== 2) return f.refuse('share');
  const [index, count] = share as readonly unknown[];
  if (!isWhole(count, 1, 65536) || !isWhole(index, 0, count - 1)) return f.refuse('share');
  return [index, count];
}

function placeOf(f: Fields): Json {
  const found: Json = {
    sequence: f.integer('sequence', 0, MAX_SAFE),
    controlBytes: f.integer('controlBytes', 1, 2 ** 40),
  };
  if (f.has('dataBytes')) found['dataBytes'] = f.integer('dataBytes', 1, 2 ** 46);
  if (f.has('mirroredFrom')) found['mirroredFrom'] = f.integer('mirroredFrom', 0, MAX_SAFE);
  if (f.has('copied')) found['copied'] = f.oneOf('copied', ['host']);
  return found;
}

function welcome(f: Fields): Json {
  const manifest = f.object('manifest');
  if (f.has('stats'))
    return { manifest, stats: stats(new Fields(f.raw('stats'), 'WELCOME.stats')) };
  return {
    manifest,
    subscriber: f.integer('subscriber', 0, MAX_SAFE),
    leases: f.integer('leases', 0, 16),
    maxLag: f.integer('maxLag', 0, 2 ** 30),
    ...placeOf(f),
    clockOffsetNs: f.finite('clockOffsetNs'),
  };
}

function error(f: Fields): Json {
  const found: Json = { code: f.text('code', 64), message: f.text('message') };
  found['remedy'] = f.has('remedy') ? f.text('remedy') : '';
  if (f.has('details')) found['details'] = f.object('details');
  return found;
}

function stats(f: Fields): Json {
  const publisher = f.object('publisher');
  const subscribers = f.raw('subscribers');
  if (!Array.isArray(subscribers) || !subscribers.every(isObject)) return f.refuse('subscribers');
  const omitted = f.has('omitted') ? { omitted: f.integer('omitted', 0, 65536) } : {};
  return { publisher, subscribers, ...omitted };
}
