/** Manifests by section 3 of spec/protocol.md. Written from the document: nothing here comes from src/. */
import { Fields, isObject, type Json, parseJson, Refused } from './foreign-fields.js';
import { decodeFormat } from './format-decoder.js';

const NAME = /^[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9][a-z0-9._-]*)*$/;
const START = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

export function decodeManifest(bytes: Uint8Array, channel: string): Json {
  if (bytes.length > 65536) throw new Refused('size');
  const value = parseJson(bytes, '');
  if (depthOf(value) > 8) throw new Refused('depth');
  const f = new Fields(value, '');
  f.integer('protocol', 1, 1);
  const kind = f.oneOf('kind', ['frame', 'message']);
  if (f.matching('channel', NAME) !== channel || channel.length > 64) f.refuse('channel');
  f.matching('instance', /^[0-9a-f]{32}$/);
  const epoch = f.integer('epoch', 0, 2 ** 32 - 1);
  const { format, frameBytes } = decodeFormat(f.raw('format'), kind);
  const memories = kind === 'frame' ? /^(?:host|cuda:(?:0|[1-9][0-9]{0,3}))$/ : /^host$/;
  const memory = f.matching('memory', memories);
  const named = kind === 'frame' && (memory !== 'host' || f.has('device'));
  const device = named ? { device: deviceOf(f) } : {};
  const layout = f.oneOf('layout', kind === 'frame' ? ['pool'] : ['slots', 'bytes']);
  const slots = f.integer('slots', 1, 2 ** 32 - 1);
  const slotBytes = f.integer('slotBytes', 1, Number.MAX_SAFE_INTEGER);
  checkProcess(new Fields(f.raw('process'), 'process'));
  const createdNs = f.finite('createdNs', 0, 2 ** 63);
  checkUserData(f.has('userData') ? f.raw('userData') : {});
  if (slots * slotBytes > Number.MAX_SAFE_INTEGER) f.refuse('slotBytes');
  const place = { memory, ...device };
  const facts = { channel, kind, epoch, ...place, layout, slots, slotBytes, createdNs, format };
  return kind === 'frame' ? { ...facts, frameBytes } : facts;
}

function deviceOf(manifest: Fields): Json {
  const f = new Fields(manifest.raw('device'), 'device');
  return { uuid: f.matching('uuid', /^GPU-[0-9a-f-]{36}$/), name: f.text('name', 128) };
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function checkProcess(f: Fields): void {
  f.integer('pid', 0, 2 ** 31 - 1);
  f.text('executable', 4096);
  f.text('label', 128);
  f.integer('uid', 0, 2 ** 32 - 1);
  f.matching('startedAt', START);
  f.matching('bootId', /^[0-9A-Za-z-]{1,64}$/);
}

function checkUserData(value: unknown): void {
  if (!isObject(value)) throw new Refused('field', 'userData');
  checkPlain(value, 'userData');
  const byteLength = new TextEncoder().encode(JSON.stringify(value)).length;
  if (byteLength > 4096) throw new Refused('field', 'userData');
}

function checkPlain(value: unknown, path: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Refused('field', path);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, entry] of Object.entries(value)) {
    const place = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    if (key === '__proto__') throw new Refused('field', place);
    checkPlain(entry, place);
  }
}
