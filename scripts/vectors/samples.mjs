/** The one publisher that all vectors come from: fixed identity, fixed clock. */
import { encodeManifest } from '../../dist/src/bus/directory/manifest-codec.js';

export const INSTANCE = '0123456789abcdeffedcba9876543210';
/** The instance as the control block holds it: each word the number of eight digits. */
export const INSTANCE_WORDS = [0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210];
const BOOT_ID = '8d5b6f0e-2f3a-4c59-9d0a-0b6f5f6c7a11';

const PROCESS = {
  pid: 4711,
  executable: '/usr/bin/node',
  label: 'camera-service',
  uid: 1000,
  startedAt: '2026-01-31T12:00:00.000Z',
  bootId: BOOT_ID,
};

const NV12 = {
  kind: 'video',
  width: 1920,
  height: 1080,
  pixelFormat: 'nv12',
  color: {
    matrix: 'bt709',
    primaries: 'bt709',
    transfer: 'bt709',
    range: 'limited',
    guessed: false,
  },
};

const FRAME_CHANNEL = {
  protocol: 1,
  channel: 'camera/door',
  kind: 'frame',
  instance: INSTANCE,
  epoch: 3,
  format: NV12,
  memory: 'host',
  layout: 'pool',
  slots: 16,
  slotBytes: 3112960,
  process: PROCESS,
  createdNs: 90061000000007,
  userData: { place: 'door', floor: 2 },
};

/** A frame channel's manifest as plain JSON, with `changes` at the top level. */
export function frameManifest(changes = {}) {
  return JSON.parse(encodeManifest({ ...FRAME_CHANNEL, ...changes }));
}

/** A message channel's manifest as plain JSON, with `changes` at the top level. */
export function messageManifest(changes = {}) {
  const channel = { channel: 'chat', kind: 'message', format: { kind: 'json' }, layout: 'bytes' };
  return frameManifest({ ...channel, slots: 16384, slotBytes: 64, ...changes });
}

/** A GPU as a manifest names it. */
export const DEVICE = { uuid: 'GPU-8f6c1a2e-3b4d-4c5e-9f70-0a1b2c3d4e5f', name: 'NVIDIA H200' };

/** The manifest of a frame channel in the memory of a GPU, with `changes` at the top level. */
export function gpuManifest(changes = {}) {
  return frameManifest({ memory: 'cuda:0', device: DEVICE, ...changes });
}

export const HELLO = {
  protocol: 1,
  role: 'subscriber',
  delivery: 'latest',
  maxLag: 0,
  leases: 2,
  start: 'newest',
  label: 'viewer',
  bootId: BOOT_ID,
  monotonicNs: 90061000000007,
};

/** A clock that advances by `stepNs` with each look at it. */
export function fixedClock(startNs, stepNs) {
  let timeNs = startNs - stepNs;
  return () => (timeNs += stepNs);
}

export function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}

/** Pieces of one binary file, each with its place. */
export class Pieces {
  #parts = [];
  #byteLength = 0;

  add(bytes) {
    const place = { offset: this.#byteLength, byteLength: bytes.length };
    this.#parts.push(bytes);
    this.#byteLength += bytes.length;
    return place;
  }

  bytes() {
    return Buffer.concat(this.#parts);
  }
}
