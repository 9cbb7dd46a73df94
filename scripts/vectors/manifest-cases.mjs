/** Manifests as they stand in a runtime directory: one of each format, and what must be refused. */
import assert from 'node:assert/strict';
import { parseManifest } from '../../dist/src/bus/directory/manifest-codec.js';
import { frameByteLength } from '../../dist/src/format/index.js';
import { DEVICE, frameManifest, gpuManifest, messageManifest, Pieces } from './samples.mjs';

const tensorFormat = (tensors) => ({ kind: 'tensor', tensors });
const video = (width, height, pixelFormat) => ({ kind: 'video', width, height, pixelFormat });

function frame(format, changes = {}) {
  return { ...frameManifest(), format, ...changes };
}

function message(format, changes = {}) {
  return { ...messageManifest(), format, ...changes };
}

function onGpu(changes, device = {}) {
  const manifest = frame(video(64, 64, 'bgra'), { memory: 'cuda:0', device: DEVICE, ...changes });
  return { ...manifest, device: manifest.device && { ...manifest.device, ...device } };
}

const named = (count) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`t${i}`, { dtype: 'u8', shape: [] }]),
  );
const nested = (depth) => (depth === 0 ? {} : { deeper: nested(depth - 1) });

const valid = {
  'nv12, colour stated': frameManifest(),
  'nv12 of 719 lines, colour guessed': frame(video(1279, 719, 'nv12')),
  'rgb24, colour guessed': frame(video(33, 17, 'rgb24')),
  'gray16, unknown keys': frame({ ...video(16384, 1, 'gray16'), later: 1 }, { later: [{}] }),
  'one tensor': frame(tensorFormat({ data: { dtype: 'f32', shape: [64, 32000] } })),
  'a scalar and an empty tensor': frame(
    tensorFormat({ loss: { dtype: 'f64', shape: [] }, none: { dtype: 'bf16', shape: [0, 7] } }),
  ),
  'tensors, one variable, one with strides': frame(
    tensorFormat({
      logits: { dtype: 'f16', shape: [3, 5], strides: [8, 1] },
      ids: { dtype: 'i64', shape: [64, 4096], variable: true },
      mask: { dtype: 'bool', shape: [7], variable: false },
    }),
  ),
  'order of tensors is the order of the text': frame(
    tensorFormat({ z: { dtype: 'u8', shape: [1] }, a: { dtype: 'u8', shape: [1] } }),
  ),
  audio: frame({ kind: 'audio', sampleRateHz: 48000, channels: 2, dtype: 'i16', maxSamples: 960 }),
  'memory of a GPU': gpuManifest(),
  'memory of a GPU with a large number and a foreign name': onGpu(
    { memory: 'cuda:9999' },
    { name: '\u001b[2J'.padEnd(128, '\u00fc') },
  ),
  'host memory that a GPU writes': onGpu({ memory: 'host' }, { later: 1 }),
  text: message({ kind: 'text' }),
  'a device means nothing to messages': message({ kind: 'text' }, { device: 7 }),
  bytes: message({ kind: 'bytes' }),
  'bytes with a media type': message({ kind: 'bytes', mediaType: 'text/plain; charset=utf-8' }),
  'json in the slots layout': message(
    { kind: 'json', schema: 'ignored' },
    { layout: 'slots', slots: 4096, slotBytes: 256 },
  ),
  packets: message({ kind: 'packet', codec: 'hevc' }),
  'no user data': { ...message({ kind: 'text' }), userData: undefined },
  'user data of seven levels': message({ kind: 'text' }, { userData: nested(6) }),
  'user data of 4096 bytes': message({ kind: 'text' }, { userData: { x: 'y'.repeat(4088) } }),
  'a large instant': message({ kind: 'text' }, { createdNs: 2 ** 63 }),
};

const process = frameManifest().process;
const ofProcess = (changes) => message({ kind: 'text' }, { process: { ...process, ...changes } });
const ofTensor = (spec) => frame(tensorFormat({ data: { dtype: 'u8', shape: [1], ...spec } }));
const color = frameManifest().format.color;
const ofColor = (changes) => frame({ ...frameManifest().format, color: { ...color, ...changes } });

/** [manifest, what the refusal names] */
const refusedFields = [
  [message({ kind: 'text' }, { protocol: 2 }), 'protocol'],
  [message({ kind: 'text' }, { channel: 'other' }), 'channel'],
  [message({ kind: 'text' }, { channel: '../chat' }), 'channel'],
  [message({ kind: 'text' }, { kind: 'stream' }), 'kind'],
  [message({ kind: 'text' }, { instance: '0123456789ABCDEF0123456789ABCDEF' }), 'instance'],
  [message({ kind: 'text' }, { instance: '0123456789abcdef' }), 'instance'],
  [message({ kind: 'text' }, { epoch: -1 }), 'epoch'],
  [message({ kind: 'text' }, { epoch: 2 ** 32 }), 'epoch'],
  [message({ kind: 'text' }, { layout: 'pool' }), 'layout'],
  [frame(video(2, 2, 'rgb24'), { layout: 'slots' }), 'layout'],
  [message(video(2, 2, 'rgb24')), 'format.kind'],
  [frame({ kind: 'text' }), 'format.kind'],
  [frame({ kind: 'point-cloud' }), 'format.kind'],
  [frame(video(0, 2, 'rgb24')), 'format.width'],
  [frame(video(2, 16385, 'rgb24')), 'format.height'],
  [frame(video(2, 2, 'yuv444p')), 'format.pixelFormat'],
  [ofColor({ matrix: 'BT709' }), 'format.color.matrix'],
  [ofColor({ range: 'tv' }), 'format.color.range'],
  [ofColor({ guessed: 'no' }), 'format.color.guessed'],
  [frame(tensorFormat({})), 'number of format.tensors'],
  [frame(tensorFormat(named(17))), 'number of format.tensors'],
  [frame(tensorFormat({ '2d': { dtype: 'u8', shape: [] } })), 'a name in format.tensors'],
  [ofTensor({ dtype: 'u128' }), 'format.tensors.data.dtype'],
  [ofTensor({ shape: 4 }), 'format.tensors.data.shape'],
  [ofTensor({ shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }), 'format.tensors.data.shape.length'],
  [ofTensor({ shape: [1, 2.5] }), 'format.tensors.data.shape[1]'],
  [ofTensor({ shape: [2 ** 31] }), 'format.tensors.data.shape[0]'],
  [ofTensor({ shape: [0], variable: true }), 'format.tensors.data.shape[0]'],
  [ofTensor({ variable: 1 }), 'format.tensors.data.variable'],
  [ofTensor({ shape: [2, 3], strides: [3] }), 'format.tensors.data.strides.length'],
  [ofTensor({ shape: [2, 3], strides: [0, 1] }), 'format.tensors.data.strides[0]'],
  [ofTensor({ dtype: 'u64', shape: [65536, 8192] }), 'format.tensors.data'],
  [ofTensor({ shape: [3, 2], strides: [2147483647, 1] }), 'format.tensors.data'],
  [frame(tensorFormat({ a: half(), b: half() })), 'format.tensors'],
  [
    frame(tensorFormat({ a: variable(8), b: variable(8), c: variable(7) })),
    'number of dimensions of format.tensors',
  ],
  [
    frame({ kind: 'audio', sampleRateHz: 48000, channels: 65, dtype: 'f32', maxSamples: 1 }),
    'format.channels',
  ],
  [
    frame({ kind: 'audio', sampleRateHz: 48000, channels: 1, dtype: 'f64', maxSamples: 1 }),
    'format.dtype',
  ],
  [message({ kind: 'bytes', mediaType: 'png' }), 'format.mediaType'],
  [message({ kind: 'packet', codec: 'mpeg2' }), 'format.codec'],
  [message({ kind: 'text' }, { memory: 'gpu' }), 'memory'],
  [message({ kind: 'text' }, { memory: 'cuda:0' }), 'memory'],
  [onGpu({ memory: 'cuda' }), 'memory'],
  [onGpu({ memory: 'cuda:01' }), 'memory'],
  [onGpu({ memory: 'cuda:GPU-8f6c1a2e' }), 'memory'],
  [onGpu({ device: undefined }), 'device'],
  [onGpu({ memory: 'host', device: null }), 'device'],
  [onGpu({}, { uuid: '8f6c1a2e-3b4d-4c5e-9f70-0a1b2c3d4e5f' }), 'device.uuid'],
  [onGpu({}, { name: 'x'.repeat(129) }), 'device.name'],
  [message({ kind: 'text' }, { slots: 0 }), 'slots'],
  [message({ kind: 'text' }, { slots: 2 ** 31, slotBytes: 2 ** 23 }), 'slotBytes'],
  [message({ kind: 'text' }, { process: [] }), 'process'],
  [ofProcess({ pid: -1 }), 'process.pid'],
  [ofProcess({ label: 'x'.repeat(129) }), 'process.label'],
  [ofProcess({ startedAt: '2026-01-31 12:00:00' }), 'process.startedAt'],
  [ofProcess({ bootId: '' }), 'process.bootId'],
  [message({ kind: 'text' }, { createdNs: -1 }), 'createdNs'],
  [message({ kind: 'text' }, { userData: [] }), 'userData'],
  [message({ kind: 'text' }, { userData: { x: 'y'.repeat(4089) } }), 'userData'],
];

function half() {
  return { dtype: 'u8', shape: [2 ** 31 - 1] };
}

function variable(rank) {
  return { dtype: 'u8', shape: Array(rank).fill(1), variable: true };
}

const text = (manifest) => `${JSON.stringify(manifest)}\n`;
const small = text(message({ kind: 'text' }, { userData: {} }));

/** [name, bytes, class, what the refusal names] */
const refusedTexts = [
  ['not JSON', utf8('{"protocol": 1'), 'json', ''],
  ['an array', utf8('[]\n'), 'field', ''],
  ['not UTF-8', Uint8Array.of(0x7b, 0x80, 0x7d), 'utf-8', ''],
  ['nine levels', utf8(text(message({ kind: 'text' }, { userData: nested(7) }))), 'depth', ''],
  [
    'the key __proto__ in user data',
    utf8(small.replace('"userData":{}', '"userData":{"__proto__":1}')),
    'field',
    'userData.__proto__',
  ],
  [
    'an infinite number in user data',
    utf8(small.replace('"userData":{}', '"userData":{"x":1e999}')),
    'field',
    'userData.x',
  ],
];

function utf8(string) {
  return new TextEncoder().encode(string);
}

/** As the file is read: UTF-8 first, then the text. */
function parse(bytes, channel) {
  return parseManifest(
    new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    'manifest',
    channel,
  );
}

function accepted(pieces, name, manifest) {
  const bytes = utf8(text(manifest));
  const found = parse(bytes, manifest.channel);
  const { format, kind } = found;
  const frameBytes = kind === 'frame' ? frameByteLength(format) : undefined;
  const { channel, epoch, memory, device, layout, slots, slotBytes, createdNs } = found;
  const facts = { channel, kind, epoch, memory, device, layout, slots, slotBytes, createdNs };
  return { name, ...pieces.add(bytes), outcome: 'accepted', ...facts, format, frameBytes };
}

function refused(pieces, name, channel, bytes, problem, field) {
  assert.throws(
    () => parse(bytes, channel),
    (error) => {
      if (problem === 'utf-8') return error instanceof TypeError;
      assert.equal(error.code, 'PROTOCOL', name);
      const found = error.details.field ?? error.details.path;
      assert.equal(found, field, `${name}: ${error.message}`);
      return true;
    },
  );
  return { name, channel, ...pieces.add(bytes), outcome: 'refused', problem, field };
}

export function manifestVectors() {
  const pieces = new Pieces();
  const cases = Object.entries(valid).map(([name, manifest]) => accepted(pieces, name, manifest));
  for (const [name, bytes, problem, field] of refusedTexts) {
    cases.push(refused(pieces, name, 'chat', bytes, problem, field));
  }
  for (const [manifest, field] of refusedFields) {
    const channel = manifest.kind === 'frame' ? 'camera/door' : 'chat';
    cases.push(refused(pieces, field, channel, utf8(text(manifest)), 'field', field));
  }
  return { files: { 'manifests.bin': pieces.bytes() }, group: { file: 'manifests.bin', cases } };
}
