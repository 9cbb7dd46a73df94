/** Options of publishers, their defaults and their checks. */
import { assertInteger, assertKnownKeys, assertOneOf } from '../../core/index.js';
import type { StreamLike } from '../../gpu/index.js';
import type { Memory } from '../../memory/index.js';
import type { AllowedPeers } from '../transport/access.js';

/** How to open a publisher. Only the format is needed. */
export interface PublisherOptions<F> {
  /** What the channel carries, in full: `video({ width, height, pixelFormat })`, `json()`, ... */
  readonly format: F;
  /**
   * Frames: where the slots live. 'cuda' is the first GPU, 'cuda:1' the second, 'cuda:GPU-…' the one with this UUID.
   * Default 'host'.
   */
  readonly memory?: Memory;
  /**
   * Frames in host memory: the GPU that writes them. The slots are registered with it, so that kernels and copy
   * engines write them in place (`loan.pointer`), and `publish` takes a stream.
   */
  readonly device?: number | string;
  /** Frames of a GPU: the stream of publishes that name none. Default the legacy default stream, 0n. */
  readonly stream?: StreamLike;
  /**
   * Frames: slots of the pool, 2 to 384; every subscriber needs one or more, plus the largest `maxLag`, plus 1.
   * Messages in the slots layout: a power of two, default 4096.
   */
  readonly slots?: number;
  /** Messages: `bytes` (default) takes messages of any size, `slots` is what GPU kernels write and the fastest. */
  readonly layout?: 'bytes' | 'slots';
  /** Messages in the bytes layout: size of the ring, rounded up to a power of two. Default 1 MiB. */
  readonly ringBytes?: number;
  /**
   * What happens when `every` subscribers have not read enough: `drop` gives up the new unit and counts it, `wait`
   * waits for them, `overwrite` (messages) lets them lose the oldest. Default: frames 'drop', messages 'wait'.
   */
  readonly whenFull?: 'drop' | 'wait' | 'overwrite';
  /** How long one slow subscriber may hold the publisher back before it is passed over. Default 1000. */
  readonly patienceMs?: number;
  /** When another publisher owns the channel: fail, or stand by and take over at its end. Default 'fail'. */
  readonly whenTaken?: 'fail' | 'wait';
  /** Other users that may read the channel, beside the own; see docs/security.md. */
  readonly allow?: AllowedPeers;
  /** Keeps other processes of the same user from reading this process's memory and descriptors. */
  readonly hardened?: boolean;
  /** Default 64. */
  readonly maxSubscribers?: number;
  /** Shown in the manifest: plain JSON of at most 4 KiB. */
  readonly userData?: Readonly<Record<string, unknown>>;
  /**
   * Asked when an observer (`sluice top`, `sluice info --json`) wants statistics, at most 20 times a second, and told
   * beside the publisher's own: plain JSON of at most 4 KiB; more is left out.
   */
  readonly userStats?: () => object;
  /** Ends the wait for the channel, and later the publisher. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How this publisher is called in lists. Default: the program's name. */
  readonly label?: string;
}

const KNOWN = [
  'format',
  'memory',
  'device',
  'stream',
  'slots',
  'layout',
  'ringBytes',
  'whenFull',
  'patienceMs',
  'whenTaken',
  'allow',
  'hardened',
  'maxSubscribers',
  'userData',
  'userStats',
  'signal',
  'directory',
  'label',
] as const;

export const DEFAULT_PATIENCE_MS = 1000;
export const DEFAULT_MAX_SUBSCRIBERS = 64;
const MAX_SUBSCRIBERS = 1024;

/** Throws `TypeError` or `RangeError` for what no publisher can be opened with. Formats are checked elsewhere. */
export function checkPublisherOptions(
  options: PublisherOptions<unknown>,
  kind: 'frame' | 'message',
): void {
  assertKnownKeys('openPublisher()', options, KNOWN);
  checkMemory(options, kind);
  const full =
    kind === 'frame' ? (['drop', 'wait'] as const) : (['drop', 'wait', 'overwrite'] as const);
  if (options.whenFull !== undefined) assertOneOf<string>('whenFull', options.whenFull, full);
  if (options.whenTaken !== undefined)
    assertOneOf('whenTaken', options.whenTaken, ['fail', 'wait']);
  if (options.layout !== undefined) {
    if (kind === 'frame')
      throw new TypeError('layout is an option of message channels, this is a frame channel');
    assertOneOf('layout', options.layout, ['bytes', 'slots']);
  }
  if (options.ringBytes !== undefined && (kind === 'frame' || options.layout === 'slots')) {
    throw new TypeError(
      'ringBytes is an option of message channels in the bytes layout; use slots here',
    );
  }
  if (options.slots !== undefined && kind === 'message' && options.layout !== 'slots') {
    throw new TypeError(
      "slots is an option of frame channels and of layout: 'slots'; use ringBytes here",
    );
  }
  const patience = options.patienceMs ?? DEFAULT_PATIENCE_MS;
  if (typeof patience !== 'number' || !(patience >= 0)) {
    throw new RangeError(`patienceMs must be a number of at least 0, got ${String(patience)}`);
  }
  if (options.maxSubscribers !== undefined) {
    assertInteger('maxSubscribers', options.maxSubscribers, 1, MAX_SUBSCRIBERS);
  }
  const { uids = [], gids = [], gpuUids = [] } = options.allow ?? {};
  if (options.userStats !== undefined && typeof options.userStats !== 'function') {
    throw new TypeError('userStats must be a function that returns what observers are told');
  }
  for (const id of [...uids, ...gids, ...gpuUids]) assertInteger('allow', id, 0, 2 ** 32 - 2);
  checkLabel(options.label);
}

/** Throws for memory that is none, and for GPU options of what no GPU writes. Whether the GPU exists shows later. */
function checkMemory(
  { memory = 'host', device, stream }: PublisherOptions<unknown>,
  kind: 'frame' | 'message',
): void {
  if (typeof memory !== 'string' || !/^(?:host|cuda(?::[0-9A-Za-z-]{1,64})?)$/.test(memory)) {
    throw new RangeError(
      `memory must be 'host', 'cuda', 'cuda:1' or 'cuda:GPU-…', got '${String(memory)}'`,
    );
  }
  if (kind === 'message' && (memory !== 'host' || device !== undefined || stream !== undefined)) {
    throw new TypeError(
      'memory, device and stream are options of frame channels; GPU kernels send messages by GpuProducer',
    );
  }
  if (memory !== 'host' && device !== undefined) {
    throw new TypeError(`device is an option of host memory; memory '${memory}' names its GPU`);
  }
  if (memory === 'host' && device === undefined && stream !== undefined) {
    throw new TypeError("stream is an option of memory: 'cuda' and of host memory with a device");
  }
}

export function checkLabel(label: unknown): void {
  if (label === undefined) return;
  if (typeof label !== 'string' || label.length > 128) {
    throw new TypeError('label must be a string of at most 128 characters');
  }
}
