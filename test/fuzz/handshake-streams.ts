/** Byte streams for the handshake fuzzers: seeded, so a failure is found again by its seed and number. */
import { encodeFrame, FrameType } from '../../src/layout/handshake.js';

/** mulberry32: 32 bits of state, good enough to pick cases. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

const HELLO = {
  protocol: 1,
  role: 'subscriber',
  delivery: 'every',
  maxLag: 4,
  leases: 2,
  start: 'newest',
  label: 'fuzz',
  bootId: 'b',
  monotonicNs: 1,
};
const WELCOME = {
  manifest: { epoch: 1 },
  subscriber: 1,
  leases: 2,
  maxLag: 4,
  sequence: 9,
  controlBytes: 4096,
  clockOffsetNs: 0,
};
const GPU = 'GPU-8f6c1a2e-3b4d-4c5e-9f70-0a1b2c3d4e5f';
const DATA = { dataBytes: 2_097_152, mirroredFrom: 9 };
const STATS = { publisher: { sent: 1 }, subscribers: [{ label: 'a' }] };

/** A body of each type that its receiver takes. */
const BODIES: readonly (readonly [FrameType, unknown])[] = [
  [FrameType.HELLO, HELLO],
  [FrameType.HELLO, { ...HELLO, device: GPU, copy: 'host' }],
  [FrameType.HELLO, { protocol: 1, role: 'observer', label: '' }],
  [FrameType.WELCOME, WELCOME],
  [FrameType.WELCOME, { ...WELCOME, ...DATA, copied: 'host' }],
  [FrameType.WELCOME, { manifest: {}, stats: STATS }],
  [FrameType.EPOCH, { manifest: { epoch: 2 }, sequence: 1, controlBytes: 64 }],
  [FrameType.EPOCH, { manifest: { epoch: 2 }, sequence: 1, controlBytes: 64, ...DATA }],
  [FrameType.ACK, { epoch: 1 }],
  [FrameType.WAKE, null],
  [FrameType.BYE, { reason: 'end' }],
  [FrameType.ERROR, { code: 'SYSTEM', message: 'm', remedy: 'r', details: { a: [1] } }],
  [FrameType.STATS, null],
  [FrameType.STATS, STATS],
];

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  'subscriber',
  'host',
  GPU,
  '__proto__',
  '\u001b[2J',
  'x'.repeat(300),
  [],
  [0, 1],
  [2, 1],
  {},
  { length: 1 },
  { toString: 1, hasOwnProperty: 2, constructor: 3 },
];

/** A frame whose bytes are well-formed; its body may be anything. */
export function randomFrame(random: Random): Uint8Array {
  const [type, body] = random.pick(BODIES);
  if (random.below(3) > 0 || type === FrameType.WAKE) return encodeFrame(type, body);
  if (random.below(8) === 0) return encodeFrame(type, random.pick(ODD_VALUES));
  const changed: Record<string, unknown> = { ...(body as Record<string, unknown> | null) };
  const keys = Object.keys(changed);
  const key = keys.length === 0 ? 'x' : random.pick(keys);
  if (random.below(4) === 0) delete changed[key];
  else changed[key] = random.pick(ODD_VALUES);
  return encodeFrame(type, changed);
}

/** Some frames, often damaged, sometimes no frames at all. */
export function randomStream(random: Random): Uint8Array {
  if (random.below(10) === 0) {
    return Uint8Array.from({ length: random.below(80) }, () => random.below(256));
  }
  const frames = Array.from({ length: 1 + random.below(4) }, () => randomFrame(random));
  const stream = Uint8Array.from(frames.flatMap((frame) => [...frame]));
  const damage = random.below(5);
  if (damage === 0) return stream.subarray(0, random.below(stream.length + 1));
  if (damage === 1) {
    for (let flips = 1 + random.below(4); flips > 0; flips -= 1) {
      const at = random.below(stream.length);
      stream[at] = (stream[at] ?? 0) ^ (1 << random.below(8));
    }
  }
  if (damage === 2) {
    // The headers are what decides: hit one of the first.
    stream[random.below(Math.min(16, stream.length))] = random.below(256);
  }
  return stream;
}
