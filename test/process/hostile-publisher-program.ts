/**
 * Publishers that lie, one a channel, in one process. Each listens at the channel's socket and answers HELLO in its
 * own way; the words of some are random for as long as the process lives. Says the channels' names, then counts the
 * connections of `slams` on demand.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  acceptUnix,
  addSeals,
  fallocate,
  ftruncate,
  listenUnix,
  memfdCreate,
  receiveBytesOnly,
  SEAL,
  sendBytes,
  SystemCallError,
} from '../../src/ffi/index.js';
import { encodeFrame, FrameType } from '../../src/layout/handshake.js';
import {
  bytesRingGeometry,
  controlByteLength,
  type ControlGeometry,
  Header,
  Page,
  POOL_RECORD_WORDS,
  poolGeometry,
  slotsRingGeometry,
  writeGeometry,
} from '../../src/layout/index.js';
import { createReaderPage, createSealedRegion, hostMemory } from '../../src/memory/index.js';
import { given, tell } from './program.js';
import { Random } from './random.js';
import { STAMPED } from './stamp.js';

const { directory } = given<{ directory: string }>();
const random = new Random(11);
const identity = { epoch: 1, instance: [1, 2, 3, 4] as const };
const SLOTS = 8;
const SLOT_BYTES = 16_384;

type Answer = (fd: number) => void;

function manifestOf(channel: string, changes: object = {}): object {
  return {
    protocol: 1,
    channel,
    kind: 'frame',
    instance: '00000001000000020000000300000004',
    epoch: 1,
    format: STAMPED,
    memory: 'host',
    layout: 'pool',
    slots: SLOTS,
    slotBytes: SLOT_BYTES,
    process: {
      pid: process.pid,
      executable: 'node',
      label: 'hostile',
      uid: process.getuid?.() ?? 0,
      startedAt: '2026-01-31T12:00:00.000Z',
      bootId: '00000000-0000-0000-0000-000000000000',
    },
    createdNs: 1,
    userData: {},
    ...changes,
  };
}

const LEASES = 2;
const RING_MANIFEST = { kind: 'message', format: { kind: 'bytes' } };

/** Real memory of a real geometry, which this process goes on writing. `seen`: the sequence that counts as seen. */
function memoryOf(
  geometry: ControlGeometry,
  seen = 0,
): {
  words: Int32Array;
  descriptors: number[];
  controlBytes: number;
} {
  const controlBytes = controlByteLength(geometry);
  const control = createSealedRegion('hostile', controlBytes);
  const words = new Int32Array(control.buffer);
  writeGeometry(words, geometry);
  const page = createReaderPage('hostile');
  const data = geometry.slotBytes === 0 ? [] : [createPool().descriptor];
  const pageWords = new Int32Array(page.buffer);
  if (data.length > 0) pageWords[Page.granted] = LEASES;
  pageWords[Page.joinLow] = seen;
  return { words, descriptors: [control.descriptor, ...data, page.descriptor], controlBytes };
}

const pools: unknown[] = [];
function createPool(): ReturnType<typeof hostMemory.createPool> {
  const pool = hostMemory.createPool({ label: 'hostile', slots: SLOTS, slotBytes: SLOT_BYTES });
  pools.push(pool);
  return pool;
}

function memfd(byteLength: number, seals: number, allocate = true): number {
  const fd = memfdCreate('hostile', { sealing: true });
  ftruncate(fd, byteLength);
  if (allocate) fallocate(fd, byteLength);
  if (seals !== 0) addSeals(fd, seals);
  return fd;
}

function send(fd: number, bytes: Uint8Array, descriptors: readonly number[] = []): void {
  try {
    sendBytes(fd, bytes, 0, bytes.length, descriptors);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
}

function welcome(manifest: object, changes: object = {}): Uint8Array {
  return encodeFrame(FrameType.WELCOME, {
    manifest,
    subscriber: 1,
    leases: LEASES,
    maxLag: 4,
    sequence: 1,
    controlBytes: 4096,
    clockOffsetNs: 0,
    ...changes,
  });
}

const ALL = SEAL.SHRINK | SEAL.GROW | SEAL.FUTURE_WRITE | SEAL.SEAL;
const channels: Record<string, Answer> = {};
const counts: Record<string, number> = {};

/** The right memory, and something wrong in what is said of it. */
function lies(name: string, manifest: object, changes: object = {}): void {
  const { descriptors, controlBytes } = memoryOf(poolGeometry(identity, SLOTS, SLOT_BYTES));
  channels[name] = (fd) =>
    send(fd, welcome(manifestOf(name, manifest), { controlBytes, ...changes }), descriptors);
}

lies('wrong-channel', { channel: 'another' });
lies('wrong-epoch', { epoch: 2 });
lies('wrong-slots', { slots: 9 });
lies('wrong-slot-bytes', { slotBytes: SLOT_BYTES * 2 });
lies('huge', { slots: 384, slotBytes: 2 ** 32 - 64 });
lies('too-many-slots', { slots: 2 ** 31 });
lies('large-format', {
  format: { kind: 'tensor', tensors: { data: { dtype: 'u32', shape: [2 ** 20] } } },
});
lies('deep-user-data', { userData: { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } } });
lies('control-bytes', {}, { controlBytes: 2 ** 40 });
lies('too-many-leases', {}, { leases: 4096 });
lies('no-leases', {}, { leases: 0 });
lies('other-leases', {}, { leases: LEASES + 1 });
lies('other-sequence', {}, { sequence: 2 });
lies('ansi', { process: { label: '\u001b[2J', pid: 1 } });

function sends(name: string, make: (good: number[]) => number[]): void {
  const { descriptors, controlBytes } = memoryOf(poolGeometry(identity, SLOTS, SLOT_BYTES));
  const sent = make(descriptors);
  channels[name] = (fd) => send(fd, welcome(manifestOf(name), { controlBytes }), sent);
}

const folder = join(directory, '..', 'plain');
mkdirSync(folder);
sends('no-descriptor', () => []);
sends('one-descriptor', ([control]) => [control!]);
sends('order', ([control, data, page]) => [page!, data!, control!]);
sends('unsealed', ([, data, page]) => [memfd(4096, 0), data!, page!]);
sends('shrinkable', ([control, , page]) => {
  const fd = memfd(SLOTS * SLOT_BYTES, SEAL.GROW | SEAL.FUTURE_WRITE);
  setInterval(() => ftruncate(fd, 0), 5).unref();
  return [control!, fd, page!];
});
sends('sparse', ([control, , page]) => [control!, memfd(SLOTS * SLOT_BYTES, ALL, false), page!]);
sends('short', ([control, , page]) => [control!, memfd(4096, ALL), page!]);
sends('read-only-page', ([control, data]) => [control!, data!, memfd(4096, ALL)]);
sends('a-directory', ([control, data]) => [control!, data!, openSync(folder, 'r')]);
sends('a-device', ([control, data]) => [control!, openSync('/dev/zero', 'r'), data!]);
sends('zero-control', ([, data, page]) => [memfd(8192, ALL), data!, page!]);

channels['mute'] = () => undefined;
channels['garbage'] = (fd) =>
  send(
    fd,
    Uint8Array.from({ length: 400 }, () => random.below(256)),
  );
channels['observer-answer'] = (fd) =>
  send(
    fd,
    encodeFrame(FrameType.WELCOME, { manifest: {}, stats: { publisher: {}, subscribers: [] } }),
  );
channels['wakes-only'] = (fd) => send(fd, encodeFrame(FrameType.WAKE));
channels['trickle'] = (fd) => {
  const bytes = welcome(manifestOf('trickle'));
  let at = 0;
  const timer = setInterval(() => {
    send(fd, bytes.subarray(at, at + 1));
    if (++at === bytes.length) clearInterval(timer);
  }, 20).unref();
};
channels['slams'] = (fd) => {
  const { descriptors, controlBytes } = memoryOf(poolGeometry(identity, SLOTS, SLOT_BYTES));
  counts['slams'] = (counts['slams'] ?? 0) + 1;
  send(fd, welcome(manifestOf('slams'), { controlBytes }), descriptors);
  closeSync(fd);
  for (const descriptor of descriptors) closeSync(descriptor);
};

/** Control words that change at random, in real memory. */
function scribbles(
  name: string,
  geometry: ControlGeometry,
  manifest: object,
  interesting: number[],
): void {
  const { words, descriptors, controlBytes } = memoryOf(geometry);
  const edges = [0, 1, -1, 2, 3, 0x7fffffff, -0x80000000, 64, 4096, 2 ** 20];
  const from = Header.head;
  setInterval(() => {
    for (let i = 0; i < 2000; i++) {
      const at =
        random.below(3) === 0 ? random.pick(interesting) : from + random.below(words.length - from);
      words[at] = random.below(2) === 0 ? random.pick(edges) : random.below(2 ** 32) | 0;
    }
    // Mostly a head close by, so that readers go on to what is behind it.
    if (random.below(3) > 0) Atomics.store(words, Header.head, random.below(40));
  }, 1).unref();
  channels[name] = (fd) => {
    counts[name] = (counts[name] ?? 0) + 1;
    send(fd, welcome(manifestOf(name, manifest), { controlBytes }), descriptors);
    const timer = setInterval(() => send(fd, encodeFrame(FrameType.WAKE)), 2).unref();
    setTimeout(() => clearInterval(timer), 60_000).unref();
  };
}

const pool = poolGeometry(identity, SLOTS, SLOT_BYTES);
const records = pool.recordsOffset / 4;
const poolWords = Array.from(
  { length: SLOTS * 20 },
  (_, i) => records + Math.floor(i / 20) * POOL_RECORD_WORDS + (i % 20),
);
scribbles('random-pool', pool, {}, [Header.head, ...poolWords]);
const slotsRing = slotsRingGeometry(identity, 64);
scribbles(
  'random-slots',
  slotsRing,
  { ...RING_MANIFEST, layout: 'slots', slots: 64, slotBytes: 256 },
  [Header.head, Header.newestStart, Header.highA, Header.highB],
);
const bytesRing = bytesRingGeometry(identity, 64);
scribbles(
  'random-bytes',
  bytesRing,
  { ...RING_MANIFEST, layout: 'bytes', slots: 64, slotBytes: 64 },
  [Header.head, Header.newestStart, Header.newestSequence],
);

/** Sequences that stand still, and ones that run backwards. */
{
  const { words, descriptors, controlBytes } = memoryOf(pool);
  channels['frozen'] = (fd) => {
    send(fd, welcome(manifestOf('frozen'), { controlBytes, sequence: 1 }), descriptors);
    setInterval(() => send(fd, encodeFrame(FrameType.WAKE)), 1).unref();
  };
  Atomics.store(words, Header.head, 0);
}
{
  const { words, descriptors, controlBytes } = memoryOf(pool, 999);
  channels['backwards'] = (fd) => {
    counts['backwards'] = (counts['backwards'] ?? 0) + 1;
    send(fd, welcome(manifestOf('backwards'), { controlBytes, sequence: 1000 }), descriptors);
    Atomics.store(words, Header.head, 5);
    send(fd, encodeFrame(FrameType.WAKE));
  };
}

/** Two epochs in a row, though the first of them was not acknowledged. */
{
  const epochs = [1, 2, 3].map((epoch) => {
    return memoryOf(poolGeometry({ ...identity, epoch }, SLOTS, SLOT_BYTES));
  });
  channels['two-epochs'] = (fd) => {
    counts['two-epochs'] = (counts['two-epochs'] ?? 0) + 1;
    for (const [index, { controlBytes, descriptors }] of epochs.entries()) {
      const manifest = manifestOf('two-epochs', { epoch: index + 1 });
      const body = { manifest, sequence: 1, controlBytes };
      if (index === 0) send(fd, welcome(manifest, { controlBytes }), descriptors);
      else send(fd, encodeFrame(FrameType.EPOCH, body), descriptors);
    }
  };
}

const greetings = new Uint8Array(65_536);
for (const [name, answer] of Object.entries(channels)) {
  const listener = listenUnix(join(directory, `${name}.sock`), 0o600);
  setInterval(() => {
    const fd = acceptUnix(listener);
    if (fd === undefined) return;
    const timer = setInterval(() => {
      if (receiveBytesOnly(fd, greetings) < 0) return;
      clearInterval(timer);
      answer(fd);
    }, 1).unref();
  }, 2);
}
tell(JSON.stringify(Object.keys(channels)));
createInterface({ input: process.stdin })
  .on('line', (line) => tell(String(counts[line] ?? 0)))
  .on('close', () => process.exit());
