/**
 * The manifest: the small public announcement of a channel, plain JSON. Written for people too:
 * `cat` shows it. What is read is foreign text, checked field by field; what comes out is frozen to
 * its depth.
 */
import { channelNameProblem, printable, SluiceError } from '../../core/index.js';
import type { Format } from '../../format/format-types.js';
// Not by the layers' indexes: `sluice ls` parses manifests and starts by the number of files it loads.
import { formatToJson, parseFormat } from '../../format/parse.js';
import { GPU_UUID } from '../../layout/handshake-bodies.js';
import { nestingDepth } from '../../layout/handshake-frame.js';
import type { Memory } from '../../memory/domain.js';
import { copyPlainJson, ForeignObject, nestsWithin, protocolError } from './foreign-json.js';

export const MAX_MANIFEST_BYTES = 65_536;
export const MAX_MANIFEST_DEPTH = 8;
export const MAX_USER_DATA_BYTES = 4096;

const MAX_USER_DATA_DEPTH = MAX_MANIFEST_DEPTH - 1;
const MAX_LABEL_LENGTH = 128;
const MAX_EXECUTABLE_LENGTH = 4096;
const MAX_DEVICE_NAME_LENGTH = 128;
const TWO_32 = 2 ** 32;

/** Who announces a channel, as that process calls itself: nothing here may be relied upon. */
export interface ManifestProcess {
  /** In its own pid namespace; 0 when it is not known. */
  readonly pid: number;
  readonly executable: string;
  /** At most 128 UTF-16 units. */
  readonly label: string;
  /** In its own user namespace. */
  readonly uid: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** See `currentBootId`. */
  readonly bootId: string;
}

/** The GPU of a frame channel. */
export interface ManifestDevice {
  /** Its identity, the same in every process: `GPU-` and 36 digits and dashes. */
  readonly uuid: string;
  /** As the driver calls it, at most 128 UTF-16 units. Foreign text: print it through `printable()`. */
  readonly name: string;
}

/** The public announcement of a channel. */
export interface Manifest {
  readonly protocol: 1;
  readonly channel: string;
  readonly kind: 'frame' | 'message';
  /** One life of a publisher: 32 lower-case hexadecimal digits. */
  readonly instance: string;
  /** One format within that life. */
  readonly epoch: number;
  readonly format: Format;
  /** 'host' or 'cuda:' with the publisher's own number of its GPU, which is for people: `device.uuid` tells which it is. */
  readonly memory: Memory;
  /**
   * Frame channels only: the GPU whose memory the slots are, or that writes slots of host memory. Absent: no GPU has
   * to do with this channel, and a frame's data is complete unless the CPU was told to publish it early.
   */
  readonly device?: ManifestDevice;
  /** Frames: 'pool'. Messages: 'slots' of equal size, or 'bytes' records of any size. */
  readonly layout: 'pool' | 'slots' | 'bytes';
  readonly slots: number;
  readonly slotBytes: number;
  readonly process: ManifestProcess;
  /** CLOCK_MONOTONIC of the publisher, nanoseconds. */
  readonly createdNs: number;
  /** The application's own words: plain JSON, at most 4 KiB, six levels below this object. */
  readonly userData: Readonly<Record<string, unknown>>;
}

const LAYOUTS_OF_KIND = Object.freeze({ frame: ['pool'], message: ['slots', 'bytes'] } as const);
const FORMATS_OF_KIND: Readonly<Record<Manifest['kind'], readonly string[]>> = Object.freeze({
  frame: ['video', 'tensor', 'audio'],
  message: ['text', 'bytes', 'json', 'packet'],
});

/**
 * The manifest as JSON text with indentation, at most 64 KiB.
 * Throws `TypeError` for user data that is no plain JSON, `RangeError` for more than 4 KiB of it
 * and for whatever {@link parseManifest} would refuse.
 */
export function encodeManifest(manifest: Manifest): string {
  const document = {
    protocol: manifest.protocol,
    channel: manifest.channel,
    kind: manifest.kind,
    instance: manifest.instance,
    epoch: manifest.epoch,
    format: formatToJson(manifest.format),
    memory: manifest.memory,
    device: manifest.device,
    layout: manifest.layout,
    slots: manifest.slots,
    slotBytes: manifest.slotBytes,
    process: manifest.process,
    createdNs: manifest.createdNs,
    userData: ownUserData(manifest.userData),
  };
  const text = `${JSON.stringify(document, null, 2)}\n`;
  assertReadable(text, manifest.channel);
  return text;
}

/**
 * Checks a foreign manifest: JSON text, or a value that JSON text was parsed to. Unknown keys are
 * ignored. `source` says whose words these are and starts every message, for example `manifest
 * /run/user/1000/sluice/a.json`.
 * Throws `SluiceError` PROTOCOL that names the field, also when `channel` is given and differs.
 */
export function parseManifest(value: unknown, source: string, channel?: string): Manifest {
  const document = typeof value === 'string' ? parseText(value, source) : value;
  if (!nestsWithin(document, MAX_MANIFEST_DEPTH)) {
    throw protocolError(source, '', `nests deeper than ${MAX_MANIFEST_DEPTH}`);
  }
  const fields = new ForeignObject(document, source);
  fields.integer('protocol', 1, 1);
  const kind = fields.oneOf('kind', ['frame', 'message']);
  const memory = memoryOf(fields, kind);
  const device = deviceOf(fields, kind, memory);
  const manifest: Manifest = {
    protocol: 1,
    channel: channelOf(fields, source, channel),
    kind,
    instance: fields.matching('instance', /^[0-9a-f]{32}$/, '32 hexadecimal digits'),
    epoch: fields.integer('epoch', 0, TWO_32 - 1),
    format: formatOf(fields, source, kind),
    memory,
    ...(device === undefined ? {} : { device }),
    layout: fields.oneOf<Manifest['layout']>('layout', LAYOUTS_OF_KIND[kind]),
    slots: fields.integer('slots', 1, TWO_32 - 1),
    slotBytes: fields.integer('slotBytes', 1, Number.MAX_SAFE_INTEGER),
    process: processOf(fields.object('process')),
    createdNs: fields.finite('createdNs', 0, 2 ** 63),
    userData: foreignUserData(fields.raw('userData'), source),
  };
  if (manifest.slots * manifest.slotBytes > Number.MAX_SAFE_INTEGER) {
    throw protocolError(source, 'slotBytes', `is too large for ${manifest.slots} slots`);
  }
  return Object.freeze(manifest);
}

function parseText(text: string, source: string): unknown {
  // A UTF-16 unit is at least one byte, so this bounds the work before anything is counted or
  // parsed.
  const bytes = text.length > MAX_MANIFEST_BYTES ? undefined : Buffer.from(text);
  if (bytes === undefined || bytes.length > MAX_MANIFEST_BYTES) {
    throw protocolError(source, '', `has more than ${MAX_MANIFEST_BYTES} bytes`);
  }
  if (nestingDepth(bytes) > MAX_MANIFEST_DEPTH) {
    throw protocolError(source, '', `nests deeper than ${MAX_MANIFEST_DEPTH}`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the foreign text: it is left out.
    throw protocolError(source, '', 'is not JSON');
  }
}

function channelOf(fields: ForeignObject, source: string, expected: string | undefined): string {
  const channel = fields.raw('channel');
  const problem = channelNameProblem(channel);
  if (problem !== undefined) throw protocolError(source, 'channel', problem);
  if (expected !== undefined && channel !== expected) {
    throw protocolError(source, 'channel', `must be '${expected}', got '${String(channel)}'`);
  }
  return channel as string;
}

function formatOf(fields: ForeignObject, source: string, kind: Manifest['kind']): Format {
  const format = parsedFormat(fields.raw('format'), source);
  if (!FORMATS_OF_KIND[kind].includes(format.kind)) {
    throw protocolError(source, 'format.kind', `must be ${FORMATS_OF_KIND[kind].join(' or ')}`);
  }
  return format;
}

function parsedFormat(value: unknown, source: string): Format {
  try {
    return parseFormat(value);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw new SluiceError('PROTOCOL', `${source}: ${error.message}`, {
      details: { ...error.details, source },
      cause: error,
    });
  }
}

function memoryOf(fields: ForeignObject, kind: Manifest['kind']): Memory {
  if (kind === 'message') return fields.oneOf('memory', ['host']);
  const wanted = "'host' or 'cuda:' with the number of a GPU";
  return fields.matching('memory', /^(?:host|cuda:(?:0|[1-9]\d{0,3}))$/, wanted) as Memory;
}

/** Of a message channel the key is not looked at, as any key that says nothing there. */
function deviceOf(
  fields: ForeignObject,
  kind: Manifest['kind'],
  memory: Memory,
): ManifestDevice | undefined {
  const isMissing = memory === 'host' && fields.raw('device') === undefined;
  if (kind === 'message' || isMissing) return undefined;
  const device = fields.object('device');
  return Object.freeze({
    uuid: device.matching('uuid', GPU_UUID, "the UUID of a GPU, 'GPU-' and 36 of 0-9, a-f and -"),
    name: device.text('name', MAX_DEVICE_NAME_LENGTH),
  });
}

function processOf(fields: ForeignObject): ManifestProcess {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
  return Object.freeze({
    pid: fields.integer('pid', 0, 2 ** 31 - 1),
    executable: fields.text('executable', MAX_EXECUTABLE_LENGTH),
    label: fields.text('label', MAX_LABEL_LENGTH),
    uid: fields.integer('uid', 0, TWO_32 - 1),
    startedAt: fields.matching('startedAt', time, 'a time as 2026-01-31T12:00:00.000Z'),
    bootId: fields.matching('bootId', /^[0-9A-Za-z-]{1,64}$/, 'a boot id'),
  });
}

function foreignUserData(value: unknown, source: string): Manifest['userData'] {
  const object = value === undefined ? {} : value;
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw protocolError(source, 'userData', 'must be an object');
  }
  const result = copyPlainJson(object, 'userData', MAX_USER_DATA_DEPTH);
  if ('problem' in result) throw protocolError(source, result.path, result.problem);
  const byteLength = Buffer.byteLength(JSON.stringify(result.copy));
  if (byteLength > MAX_USER_DATA_BYTES) {
    throw protocolError(source, 'userData', tooMuchUserData(byteLength));
  }
  return result.copy as Manifest['userData'];
}

function ownUserData(userData: Manifest['userData']): Manifest['userData'] {
  if (typeof userData !== 'object' || userData === null || Array.isArray(userData)) {
    throw new TypeError('userData must be an object');
  }
  const result = copyPlainJson(userData, 'userData', MAX_USER_DATA_DEPTH);
  if ('problem' in result) throw new TypeError(`${result.path} ${result.problem}`);
  const byteLength = Buffer.byteLength(JSON.stringify(result.copy));
  if (byteLength > MAX_USER_DATA_BYTES)
    throw new RangeError(`userData ${tooMuchUserData(byteLength)}`);
  return result.copy as Manifest['userData'];
}

function tooMuchUserData(byteLength: number): string {
  return `has ${byteLength} bytes as JSON, at most ${MAX_USER_DATA_BYTES} are possible`;
}

/**
 * What nobody could read must not be announced: the publisher hears of it, not every subscriber.
 */
function assertReadable(text: string, channel: string): void {
  try {
    parseManifest(text, `manifest of ${printable(channel)}`, channel);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw new RangeError(`the manifest cannot be announced: ${error.message}`, { cause: error });
  }
}
