/** Frames of the handshake, good and bad. What the built code makes of each is compared with what is stated here. */
import assert from 'node:assert/strict';
import {
  encodeFrame,
  FrameReader,
  FrameType,
  parseClientFrame,
  parseServerFrame,
} from '../../dist/src/layout/handshake.js';
import { DEVICE, frameManifest, gpuManifest, HELLO, messageManifest, Pieces } from './samples.mjs';

const { ACK, BYE, EPOCH, ERROR, STATS, WAKE, WELCOME } = FrameType;

const frameWelcome = {
  manifest: frameManifest(),
  subscriber: 7,
  leases: 2,
  maxLag: 0,
  sequence: 4294967297,
  controlBytes: 8192,
  clockOffsetNs: 183000,
};
const messageWelcome = {
  ...frameWelcome,
  manifest: messageManifest(),
  leases: 0,
  maxLag: 1073741824,
  sequence: 12,
  controlBytes: 1052672,
};
const stats = {
  publisher: { published: 12, dropped: 0, ratePerSecond: 29.97, uptimeMs: 400 },
  subscribers: [{ id: 7, label: 'viewer', lag: 0 }],
};
const epoch = { manifest: frameManifest({ epoch: 4 }), sequence: 13, controlBytes: 8192 };
/** Slots of 3112960 bytes, 16 of them, in pages of 2 MiB. */
const onGpu = { manifest: gpuManifest(), dataBytes: 50331648, mirroredFrom: 4294967298 };
const hostCopy = { manifest: gpuManifest({ epoch: 5 }), copied: 'host' };
const every = { delivery: 'every', maxLag: 4 };

const valid = [
  ['hello: latest', 'server', FrameType.HELLO, HELLO],
  [
    'hello: every, a share, key frames only',
    'server',
    FrameType.HELLO,
    { ...HELLO, ...every, share: [1, 3], keyFramesOnly: true, start: 'oldest' },
  ],
  ['hello: from a sequence', 'server', FrameType.HELLO, { ...HELLO, ...every, start: 4294967296 }],
  ['hello: a GPU reads', 'server', FrameType.HELLO, { ...HELLO, device: DEVICE.uuid }],
  ['hello: host copy wanted', 'server', FrameType.HELLO, { ...HELLO, copy: 'host' }],
  [
    'hello: a GPU reads the host copy',
    'server',
    FrameType.HELLO,
    { ...HELLO, device: DEVICE.uuid, copy: 'host' },
  ],
  ['hello: observer', 'server', FrameType.HELLO, { protocol: 1, role: 'observer', label: '' }],
  ['hello: unknown keys', 'server', FrameType.HELLO, { ...HELLO, later: { version: 2 } }],
  ['hello: largest values', 'server', FrameType.HELLO, largestHello()],
  ['ack', 'server', ACK, { epoch: 3 }],
  ['wake to the server', 'server', WAKE],
  ['bye to the server', 'server', BYE, { reason: 'closed' }],
  ['stats asked for', 'server', STATS],
  ['welcome to frames', 'client', WELCOME, frameWelcome, 3],
  ['welcome to the memory of a GPU', 'client', WELCOME, { ...frameWelcome, ...onGpu }, 3],
  ['welcome to a host copy', 'client', WELCOME, { ...frameWelcome, ...hostCopy }, 3],
  [
    'welcome to host memory that a GPU writes, largest values',
    'client',
    WELCOME,
    {
      ...frameWelcome,
      manifest: frameManifest({ device: DEVICE }),
      dataBytes: 2 ** 46,
      mirroredFrom: Number.MAX_SAFE_INTEGER,
    },
    3,
  ],
  ['welcome to messages', 'client', WELCOME, messageWelcome, 2],
  ['welcome to an observer', 'client', WELCOME, { manifest: frameManifest(), stats }],
  ['epoch', 'client', EPOCH, epoch, 3],
  ['epoch in the memory of a GPU', 'client', EPOCH, { ...epoch, ...onGpu }, 3],
  ['epoch in a host copy', 'client', EPOCH, { ...epoch, ...hostCopy }, 3],
  ['wake to the client', 'client', WAKE],
  ['bye to the client', 'client', BYE, { reason: 'closed \u2014 bis sp\u00e4ter' }],
  [
    'error',
    'client',
    ERROR,
    { code: 'LEASES_EXHAUSTED', message: 'camera/door has 16 slots', remedy: 'More slots.' },
  ],
  [
    'error with details, without remedy',
    'client',
    ERROR,
    { code: 'TOO_MANY_SUBSCRIBERS', message: 'busy', details: { busy: true, silent: 16 } },
  ],
  ['stats', 'client', STATS, stats],
  ['stats with an omission', 'client', STATS, { ...stats, subscribers: [], omitted: 300 }],
];

function largestHello() {
  const largest = { maxLag: 2 ** 30, leases: 16, start: Number.MAX_SAFE_INTEGER };
  return { ...HELLO, delivery: 'every', ...largest, share: [65535, 65536], label: 'x'.repeat(128) };
}

function helloText(changes) {
  return Object.entries(changes).reduce(
    (text, [found, other]) => text.replace(found, other),
    JSON.stringify(HELLO),
  );
}

function nested(depth) {
  return `{"publisher":{"deep":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}},"subscribers":[]}`;
}

const utf8 = (text) => new TextEncoder().encode(text);

/** Bodies as bytes that JSON.stringify would not write. */
const rawValid = [
  [
    'hello: integers written as fractions',
    'server',
    1,
    utf8(helloText({ '"maxLag":0': '"maxLag":0.0e1', '"leases":2': '"leases":20e-1' })),
  ],
  [
    'hello: a key twice, the last one counts',
    'server',
    1,
    utf8(helloText({ '"leases":2': '"leases":99,"leases":2' })),
  ],
  ['stats: 16 levels', 'client', STATS, utf8(nested(16))],
];

/** [name, receiver, type, body bytes, class, what the refusal names] */
const refusedBodies = [
  ['hello: none', 'server', 1, utf8(''), 'field', 'HELLO'],
  ['hello: an array', 'server', 1, utf8('[]'), 'field', 'HELLO'],
  ['hello: not JSON', 'server', 1, utf8('{"protocol":1,}'), 'json', 'HELLO'],
  [
    'hello: NaN is not JSON',
    'server',
    1,
    utf8(helloText({ '"leases":2': '"leases":NaN' })),
    'json',
    'HELLO',
  ],
  ['hello: byte order mark', 'server', 1, utf8(`\ufeff${JSON.stringify(HELLO)}`), 'json', 'HELLO'],
  ['hello: not UTF-8', 'server', 1, Uint8Array.of(0x22, 0xc0, 0x80, 0x22), 'utf-8', 'HELLO'],
  ['stats: 17 levels', 'client', STATS, utf8(nested(17)), 'depth', 'STATS'],
  ['stats: a body from a client', 'server', STATS, utf8('{}'), 'body', 'STATS'],
  ['ack to a client', 'client', ACK, utf8('{"epoch":3}'), 'direction', 'ACK'],
  ['hello to a client', 'client', 1, utf8(JSON.stringify(HELLO)), 'direction', 'HELLO'],
  ['welcome to a server', 'server', WELCOME, utf8('{}'), 'direction', 'WELCOME'],
  ['error to a server', 'server', ERROR, utf8('{}'), 'direction', 'ERROR'],
];

function without(object, key) {
  const { [key]: _, ...rest } = object;
  return rest;
}

const smallWelcome = { ...frameWelcome, manifest: {} };

/** [receiver, type, body, field] */
const refusedFields = [
  ['server', 1, { ...HELLO, protocol: 2 }, 'HELLO.protocol'],
  ['server', 1, { ...HELLO, role: 'publisher' }, 'HELLO.role'],
  ['server', 1, without(HELLO, 'delivery'), 'HELLO.delivery'],
  ['server', 1, { ...HELLO, maxLag: -1 }, 'HELLO.maxLag'],
  ['server', 1, { ...HELLO, maxLag: 2 ** 30 + 1 }, 'HELLO.maxLag'],
  ['server', 1, { ...HELLO, leases: 17 }, 'HELLO.leases'],
  ['server', 1, { ...HELLO, leases: 1.5 }, 'HELLO.leases'],
  ['server', 1, { ...HELLO, leases: '2' }, 'HELLO.leases'],
  ['server', 1, { ...HELLO, start: -1 }, 'HELLO.start'],
  ['server', 1, { ...HELLO, start: 2 ** 53 }, 'HELLO.start'],
  ['server', 1, { ...HELLO, start: 'now' }, 'HELLO.start'],
  ['server', 1, { ...HELLO, share: [2, 2] }, 'HELLO.share'],
  ['server', 1, { ...HELLO, share: [0, 65537] }, 'HELLO.share'],
  ['server', 1, { ...HELLO, keyFramesOnly: 1 }, 'HELLO.keyFramesOnly'],
  ['server', 1, { ...HELLO, device: 'cuda:0' }, 'HELLO.device'],
  ['server', 1, { ...HELLO, device: DEVICE.uuid.toUpperCase() }, 'HELLO.device'],
  ['server', 1, { ...HELLO, device: `${DEVICE.uuid}\n` }, 'HELLO.device'],
  ['server', 1, { ...HELLO, device: null }, 'HELLO.device'],
  ['server', 1, { ...HELLO, copy: 'cuda' }, 'HELLO.copy'],
  ['server', 1, { ...HELLO, copy: true }, 'HELLO.copy'],
  ['server', 1, { ...HELLO, label: 'x'.repeat(129) }, 'HELLO.label'],
  ['server', 1, { ...HELLO, bootId: 'x'.repeat(65) }, 'HELLO.bootId'],
  ['server', 1, { ...HELLO, monotonicNs: null }, 'HELLO.monotonicNs'],
  ['server', ACK, { epoch: 2 ** 32 }, 'ACK.epoch'],
  ['server', BYE, {}, 'BYE.reason'],
  ['client', WELCOME, { ...frameWelcome, manifest: [] }, 'WELCOME.manifest'],
  ['client', WELCOME, { ...frameWelcome, subscriber: -1 }, 'WELCOME.subscriber'],
  ['client', WELCOME, { ...frameWelcome, leases: 17 }, 'WELCOME.leases'],
  ['client', WELCOME, { ...frameWelcome, maxLag: 2 ** 31 }, 'WELCOME.maxLag'],
  ['client', WELCOME, { ...frameWelcome, sequence: 2 ** 53 }, 'WELCOME.sequence'],
  ['client', WELCOME, { ...frameWelcome, controlBytes: 0 }, 'WELCOME.controlBytes'],
  ['client', WELCOME, { ...frameWelcome, controlBytes: 2 ** 40 + 1 }, 'WELCOME.controlBytes'],
  ['client', WELCOME, without(frameWelcome, 'clockOffsetNs'), 'WELCOME.clockOffsetNs'],
  ['client', WELCOME, { ...smallWelcome, dataBytes: 0 }, 'WELCOME.dataBytes'],
  ['client', WELCOME, { ...smallWelcome, dataBytes: 2 ** 46 + 1 }, 'WELCOME.dataBytes'],
  ['client', WELCOME, { ...smallWelcome, mirroredFrom: -1 }, 'WELCOME.mirroredFrom'],
  ['client', WELCOME, { ...smallWelcome, mirroredFrom: 2 ** 53 }, 'WELCOME.mirroredFrom'],
  ['client', WELCOME, { ...smallWelcome, copied: 'cuda' }, 'WELCOME.copied'],
  ['client', WELCOME, { manifest: {}, stats: { publisher: {} } }, 'WELCOME.stats.subscribers'],
  ['client', EPOCH, without(epoch, 'sequence'), 'EPOCH.sequence'],
  ['client', EPOCH, { ...epoch, manifest: {}, dataBytes: 1.5 }, 'EPOCH.dataBytes'],
  ['client', EPOCH, { ...epoch, manifest: {}, mirroredFrom: '1' }, 'EPOCH.mirroredFrom'],
  ['client', EPOCH, { ...epoch, manifest: {}, copied: null }, 'EPOCH.copied'],
  ['client', ERROR, { message: 'busy' }, 'ERROR.code'],
  ['client', ERROR, { code: 'x'.repeat(65), message: 'busy' }, 'ERROR.code'],
  ['client', ERROR, { code: 'SYSTEM', message: 'x', details: 3 }, 'ERROR.details'],
  ['client', STATS, { publisher: {}, subscribers: [1] }, 'STATS.subscribers'],
  ['client', STATS, { ...stats, omitted: 65537 }, 'STATS.omitted'],
];

/** [name, offset, size, value, the field as the refusal names it] */
const refusedHeaders = [
  ['magic', 0, 4, 0x4c53554c, 'magic'],
  ['version 2', 4, 2, 2, 'version'],
  ['type 0', 6, 2, 0, 'type'],
  ['type 9', 6, 2, 9, 'type'],
  ['length 65537', 8, 4, 65537, 'length'],
  ['reserved word', 12, 4, 1, 'reserved word'],
];

function frameOf(type, body) {
  const frame = Buffer.from(encodeFrame(type, {}));
  frame.writeUInt32LE(body.length, 8);
  return Buffer.concat([frame.subarray(0, 16), body]);
}

function parse(receiver, bytes) {
  let found;
  const used = new FrameReader().push(bytes, 0, bytes.length, (type, body) => {
    found = (receiver === 'server' ? parseClientFrame : parseServerFrame)(type, body);
    return true;
  });
  assert.equal(used, bytes.length);
  return found;
}

function accepted(pieces, [name, receiver, type, body, descriptors = 0]) {
  const raw = body instanceof Uint8Array;
  const bytes = raw ? frameOf(type, body) : encodeFrame(type, body);
  const frame = parse(receiver, bytes);
  assert.equal(frame?.type, type, name);
  const place = pieces.add(bytes);
  // The body as the receiver has it: unknown keys gone, defaults filled in, nothing there as null.
  return { name, receiver, ...place, outcome: 'accepted', type, descriptors, body: frame.body };
}

function refused(pieces, name, receiver, bytes, problem, field) {
  assert.throws(
    () => parse(receiver, bytes),
    (error) => {
      assert.equal(error.code, 'PROTOCOL', name);
      assert.ok(error.message.includes(field), `${name}: ${error.message}`);
      return true;
    },
  );
  return { name, receiver, ...pieces.add(bytes), outcome: 'refused', problem, field };
}

export function handshakeVectors() {
  const pieces = new Pieces();
  const cases = [...valid, ...rawValid].map((entry) => accepted(pieces, entry));
  for (const [name, receiver, type, body, problem, field] of refusedBodies) {
    cases.push(refused(pieces, name, receiver, frameOf(type, body), problem, field));
  }
  for (const [receiver, type, body, field] of refusedFields) {
    const shown = JSON.stringify(body[field.split('.').at(-1)]) ?? 'none';
    const name = `${field}: ${shown.slice(0, 24)}`;
    cases.push(refused(pieces, name, receiver, encodeFrame(type, body), 'field', field));
  }
  for (const [name, offset, size, value, field] of refusedHeaders) {
    const bytes = Buffer.from(encodeFrame(WAKE));
    bytes.writeUIntLE(value, offset, size);
    cases.push(refused(pieces, `header: ${name}`, 'server', bytes, 'header', field));
  }
  const wake = frameOf(WAKE, utf8('{}'));
  cases.push(refused(pieces, 'wake with a body', 'client', wake, 'header', 'length of WAKE'));
  const half = encodeFrame(ACK, { epoch: 3 }).subarray(0, 20);
  assert.equal(parse('server', half), undefined);
  const place = pieces.add(half);
  cases.push({ name: 'half a frame', receiver: 'server', ...place, outcome: 'incomplete' });
  return { files: { 'handshake.bin': pieces.bytes() }, group: { file: 'handshake.bin', cases } };
}
