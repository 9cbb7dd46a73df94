/**
 * The message ring inside one process, over a SharedArrayBuffer between worker threads: the same writer and readers,
 * with `Atomics.wait` on the doorbell words instead of a socket.
 *
 * The buffer is a control block followed by one reader page a reader. It goes to a worker by `postMessage`; exactly
 * one thread takes the writer, and each reader index is taken by one thread.
 */
import { assertInteger, isPowerOfTwo, nextPowerOfTwo } from '../core/index.js';
import {
  controlByteLength,
  type ControlGeometry,
  controlViews,
  MAX_RING_SLOTS,
  MIN_RING_SLOTS,
  bytesRingGeometry,
  Page,
  READER_PAGE_BYTES,
  readGeometry,
  RING_UNIT_BYTES,
  slotsRingGeometry,
  writeGeometry,
  ControlKind,
} from '../layout/index.js';
import { BytesReader } from './bytes-reader.js';
import { BytesWriter } from './bytes-writer.js';
import { readerDoorbell } from './doorbell.js';
import type { MessageVisitor, RingReader } from './ring-reader.js';
import type { MessageHeader, RingReaderEntry, RingWriter } from './ring-writer.js';
import { SlotsReader } from './slots-reader.js';
import { SlotsWriter } from './slots-writer.js';

/** The size and shape of a ring between worker threads. */
export interface WorkerRingOptions {
  /** `slots`: messages of up to 240 bytes cost one slot each. `bytes`: records of any size. */
  readonly layout: 'slots' | 'bytes';
  /** Slots layout: slots of 256 bytes, a power of two. Default 4096. */
  readonly slots?: number;
  /** Bytes layout: size of the ring, rounded up to a power of two. Default 1 MiB. */
  readonly ringBytes?: number;
  /** Readers, 1 to 64, each of which gets every message. */
  readonly readers: number;
}

/** Allocates a ring; its buffer goes to the workers. */
export function createWorkerRing(options: WorkerRingOptions): SharedArrayBuffer {
  const { layout, slots = 4096, ringBytes = 1 << 20, readers } = options;
  assertInteger('readers', readers, 1, 64);
  const identity = { epoch: 1, instance: [0, 0, 0, 0] as const };
  let geometry: ControlGeometry;
  if (layout === 'slots') {
    assertInteger('slots', slots, MIN_RING_SLOTS, MAX_RING_SLOTS);
    if (!isPowerOfTwo(slots)) {
      throw new RangeError(
        `slots must be a power of two, got ${slots}; try ${nextPowerOfTwo(slots)}`,
      );
    }
    geometry = slotsRingGeometry(identity, slots);
  } else {
    assertInteger(
      'ringBytes',
      ringBytes,
      MIN_RING_SLOTS * RING_UNIT_BYTES,
      MAX_RING_SLOTS * RING_UNIT_BYTES,
    );
    geometry = bytesRingGeometry(identity, nextPowerOfTwo(ringBytes / RING_UNIT_BYTES));
  }
  const buffer = new SharedArrayBuffer(controlByteLength(geometry) + readers * READER_PAGE_BYTES);
  writeGeometry(new Int32Array(buffer), geometry);
  return buffer;
}

interface Parts {
  readonly geometry: ControlGeometry;
  readonly pages: readonly Int32Array[];
}

function partsOf(buffer: SharedArrayBuffer): Parts {
  const words = new Int32Array(buffer);
  const identity = readGeometryOf(words);
  const start = controlByteLength(identity);
  const pages: Int32Array[] = [];
  for (let at = start; at < buffer.byteLength; at += READER_PAGE_BYTES) {
    pages.push(new Int32Array(buffer, at, READER_PAGE_BYTES / 4));
  }
  return { geometry: identity, pages };
}

function readGeometryOf(words: Int32Array): ControlGeometry {
  for (let pages = 1; pages <= 64; pages++) {
    const geometry = readGeometry(words, words.byteLength - pages * READER_PAGE_BYTES);
    if (typeof geometry !== 'string') return geometry;
  }
  throw new TypeError('the buffer is no worker ring; make one with createWorkerRing()');
}

/** The writing end. All readers hold it back: nothing is ever lost. */
export class WorkerRingWriter {
  /** @internal */
  readonly writer: RingWriter;
  private readonly entries: readonly RingReaderEntry[];
  private readonly header: MessageHeader = {
    type: 0,
    key: false,
    ptsNs: 0,
    extended: false,
    idLow: 0,
    idHigh: 0,
    dtsNs: 0,
    captureTimeNs: 0,
  };

  /** `now` is CLOCK_MONOTONIC in ns. */
  constructor(buffer: SharedArrayBuffer, now: () => number) {
    const { geometry, pages } = partsOf(buffer);
    const control = controlViews(buffer);
    this.writer =
      geometry.kind === ControlKind.slots
        ? new SlotsWriter(control, geometry, { now })
        : new BytesWriter(control, geometry, { now });
    this.entries = pages.map((page) => this.writer.addReader({ page, budget: geometry.slots }, 0));
  }

  /**
   * Writes one message of the application's `type` (0 to 255) without waiting. False: no room.
   * Throws `MESSAGE_TOO_LARGE`.
   */
  tryWrite(payload: Uint8Array, type = 0): boolean {
    this.header.type = type;
    const written = this.writer.tryWrite(payload, this.header);
    if (written) this.ring();
    return written;
  }

  /** Writes as many as there is room for, announced together; returns how many. Throws `MESSAGE_TOO_LARGE`. */
  tryWriteBatch(payloads: readonly Uint8Array[], type = 0): number {
    this.header.type = type;
    const written = this.writer.tryWriteBatch(payloads, this.header);
    if (written > 0) this.ring();
    return written;
  }

  /** Blocks the thread until there may be room for `units`, at most `timeoutMs`; then try once more. */
  waitForRoom(units: number, timeoutMs: number): void {
    this.writer.roster.arm();
    const slowest = this.slowest();
    const lag = this.writer.roster.lag(slowest, this.writer.head | 0);
    if (this.writer.capacity - lag >= units) return;
    Atomics.wait(slowest.page, Page.publisherArmed, 1, timeoutMs);
  }

  private slowest(): RingReaderEntry {
    const head = this.writer.head | 0;
    return this.entries.reduce((slowest, entry) =>
      this.writer.roster.lag(entry, head) > this.writer.roster.lag(slowest, head) ? entry : slowest,
    );
  }

  private ring(): void {
    this.writer.roster.ring(notifyReader);
  }
}

function notifyReader(entry: RingReaderEntry): void {
  Atomics.notify(entry.page, Page.armed);
}

/** A reading end. */
export class WorkerRingReader {
  /** @internal */
  readonly reader: RingReader;
  private readonly page: Int32Array;
  private readonly doorbell;

  constructor(
    buffer: SharedArrayBuffer,
    index: number,
    private readonly now: () => number,
  ) {
    const { geometry, pages } = partsOf(buffer);
    assertInteger('index', index, 0, pages.length - 1);
    this.page = pages[index] as Int32Array;
    const Reader = geometry.kind === ControlKind.slots ? SlotsReader : BytesReader;
    this.reader = new Reader(controlViews(buffer), this.page, geometry, {
      delivery: 'every',
      maxLag: geometry.slots,
      pinned: true,
      position: 0,
      sequence: 1,
      share: { index: 0, count: 1 },
      now,
    });
    this.doorbell = readerDoorbell(this.page);
  }

  /** Visits up to `max` messages without waiting; returns how many. */
  drain(visit: MessageVisitor, max = 0x7fffffff): number {
    try {
      return this.reader.drain(visit, max);
    } finally {
      // Also when the visitor threw: the writer sleeps on a word that is down already.
      if (this.reader.mustWakePublisher) {
        this.reader.mustWakePublisher = false;
        Atomics.notify(this.page, Page.publisherArmed);
      }
    }
  }

  /**
   * Like `drain`, but blocks the thread up to `timeoutMs` for the first message. The flag may have been rung for a
   * message that an earlier look had found already: such a wake is no message, so it waits again.
   */
  drainSync(visit: MessageVisitor, timeoutMs: number, max = 0x7fffffff): number {
    const deadlineNs = this.now() + timeoutMs * 1e6;
    for (;;) {
      let visited = this.drain(visit, max);
      if (visited > 0) return visited;
      if (this.doorbell.mustLookAgain()) visited = this.drain(visit, max);
      if (visited > 0) return visited;
      const leftMs = Math.max(0, (deadlineNs - this.now()) / 1e6);
      const woken = Atomics.wait(this.page, Page.armed, 1, leftMs) !== 'timed-out';
      this.doorbell.woken();
      if (!woken) return this.drain(visit, max);
    }
  }
}
