/**
 * Messages written into a ring by a GPU: texts lie in an arena in its memory, kernels put them into slots. To the readers
 * of the ring it is a writer like any other; see kernels/ring.cu.
 */
import { assertInteger, describe } from '../../core/index.js';
import type { MessageFormat } from '../../format/index.js';
import {
  type CudaStream,
  deviceOfStream,
  findDevice,
  type GpuDevice,
  Stream,
  streamHandle,
  type StreamLike,
} from '../../gpu/index.js';
import type { RingWriter } from '../../ring/index.js';
import { closedError, type WaitOptions } from '../endpoint.js';
import {
  type BatchLimits,
  checkContexts,
  CONTEXT_BYTES,
  CONTEXT_WORDS,
  type MessageContext,
  type MessageStyle,
  packContexts,
  packStyles,
} from './gpu-batch.js';
import {
  type Batch,
  batchOf,
  type BatchRequest,
  GpuLauncher,
  type PublishedBatch,
} from './gpu-launcher.js';
import { GpuRing } from './gpu-ring.js';
import type { MessagePublisher } from './message-publisher.js';
import { type RingAccess, ringAccessOf } from './ring-access.js';

/** How a GPU producer is opened. */
export interface GpuProducerOptions {
  /** The GPU: a number, 'cuda:1', 'GPU-…'. Default: that of the stream, else the first. */
  readonly device?: number | string;
  /**
   * Where the batches run, in order, behind the work that is in the stream already: kernels that write the texts.
   * Default: a stream of its own, `producer.stream`.
   */
  readonly stream?: StreamLike;
  /** Bytes of the arena. Default 1 MiB. */
  readonly arenaBytes?: number;
  /** What is put around the text of a type: at most 16 bytes before it and 8 behind, part of the message. */
  readonly styles?: Readonly<Record<number, MessageStyle>>;
}

/** Contexts that a kernel wrote: 16 bytes each, u32 offset, byteLength, type and a fourth word that is not read. */
export interface DeviceContexts {
  /** Device address, a multiple of 16. Not to be written again before the batch is published. */
  readonly pointer: bigint;
  readonly count: number;
  /** Longest message, with what its style adds. Room is taken for messages of this length. */
  readonly maxBytes: number;
}

/** What a producer has done since it was opened. */
export interface GpuProducerStats {
  readonly batches: number;
  readonly launches: number;
  readonly messages: number;
  /** Contexts made on the device that were cut to the arena, to `maxBytes` or to the types 0 to 255. */
  readonly clamped: number;
  /** Slots of the ring that are launched and not yet announced, at most. */
  readonly slotsUnderWay: number;
}

const DEFAULT_ARENA_BYTES = 1 << 20;
/** Offsets are 32 bits. */
const MAX_ARENA_BYTES = 2 ** 32 - 16;
/** Beyond this the launches themselves cost nothing any more, and the next batch would wait for longer. */
const MAX_MESSAGES_A_LAUNCH = 16_384;

/** What a producer holds and gives back at its end. */
interface Holdings {
  readonly access: RingAccess;
  readonly ring: GpuRing;
  readonly stream: StreamLike;
  readonly ownStream: Stream | undefined;
  readonly limits: BatchLimits;
  /** To be called when nothing writes into the ring any more. */
  readonly returned: () => void;
}

/**
 * Publishes messages whose text a GPU wrote, into a channel in the slots layout. The messages never pass through this
 * process: kernels write them into the ring that subscribers read. To be closed.
 */
export class GpuProducer implements AsyncDisposable {
  /** Device memory into which the caller's kernels write texts. */
  readonly arena: { readonly pointer: bigint; readonly byteLength: number };
  /** Where batches run. */
  readonly stream: CudaStream;
  readonly #holdings: Holdings;
  readonly #limits: BatchLimits;
  readonly #writer: RingWriter;
  readonly #launcher: GpuLauncher;
  #closing: Promise<void> | undefined;

  /**
   * Opens a producer for a publisher; there can be one at a time. Closing the publisher closes it.
   * Rejects with `TypeError`/`RangeError` for bad arguments or a channel that is not in the slots layout, and with
   * `CUDA_UNAVAILABLE`, `WRONG_DEVICE`, `CUDA_ERROR`, `NO_SPACE`, `CLOSED`.
   */
  static async open(
    publisher: MessagePublisher<MessageFormat>,
    options: GpuProducerOptions = {},
  ): Promise<GpuProducer> {
    const access = assertWritable(publisher);
    const { arenaBytes = DEFAULT_ARENA_BYTES } = options;
    assertInteger('arenaBytes', arenaBytes, 16, MAX_ARENA_BYTES);
    const styles = packStyles(options.styles ?? {});
    const { owner } = access;
    const { writer, views } = owner.stream;
    const limits: BatchLimits = {
      channel: owner.channel,
      arenaBytes,
      maxMessageBytes: writer.maxMessageBytes,
      overheadBytes: styles.overheadBytes,
      maxOverheadBytes: styles.maxOverheadBytes,
      maxUnits: writer.writeAhead,
      maxMessages: Math.min(writer.writeAhead, MAX_MESSAGES_A_LAUNCH),
    };
    const device = deviceFor(options, `let a GPU write messages of ${owner.channel}`);
    // Both before the first wait: a second call finds the place taken, and the end of the channel the ring in use.
    const place = { close: () => Promise.resolve() };
    access.producer = place;
    const returned = borrow(access);
    let ownStream: Stream | undefined;
    try {
      if (options.stream === undefined) ownStream = await Stream.create({ device: device.index });
      const stream = options.stream ?? (ownStream as Stream);
      const ring = await GpuRing.open({
        device,
        stream,
        control: views.bytes,
        slots: writer.capacity,
        styles,
        limits,
      });
      if (owner.end !== undefined) {
        ring.close(false);
        throw closedError('GpuProducer.open()', owner.channel, owner.end);
      }
      const producer = new GpuProducer({ access, ring, stream, ownStream, limits, returned });
      access.producer = producer;
      return producer;
    } catch (error) {
      access.producer = undefined;
      returned();
      await ownStream?.close();
      throw error;
    }
  }

  private constructor(holdings: Holdings) {
    const { access, ring, stream, limits } = holdings;
    this.#holdings = holdings;
    this.#limits = limits;
    this.#writer = access.owner.stream.writer;
    this.#launcher = new GpuLauncher(access, ring, limits);
    this.stream = typeof stream === 'bigint' ? Object.freeze({ handle: stream }) : stream;
    this.arena = Object.freeze({ pointer: ring.arenaPointer, byteLength: limits.arenaBytes });
  }

  /**
   * Publishes a batch of messages, in order, behind the batches before it; resolves when subscribers can read all of it.
   * Launched behind what is in the stream. Texts must stay as they are until then, and so must contexts.
   *
   * Contexts made here are refused before anything is published: `RangeError` for one outside the arena or of a type
   * that does not exist, `MESSAGE_TOO_LARGE`. Contexts made on the device cannot be looked at: they are cut to the
   * arena and to `maxBytes`, published all the same, and counted in `stats().clamped`. A packed array has four words a
   * context: offset, byteLength, type, 0.
   *
   * More than a quarter of the ring goes in several steps. Where there is no room it waits, as the publisher's
   * `whenFull` and `patienceMs` say; with 'drop' a step without room is dropped as a whole and counted. Rejects with
   * the signal's reason when some of the batch was not launched yet, with `CLOSED`, and with `CUDA_ERROR` once the GPU
   * failed; what is launched is published all the same where the GPU still can.
   */
  processBatch(
    contexts: readonly MessageContext[] | Uint32Array | DeviceContexts,
    options: WaitOptions = {},
  ): Promise<PublishedBatch> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.throwIfAborted();
      this.#assertOpen();
      const request = this.#request(contexts);
      if (request.count === 0) {
        const { head } = this.#writer;
        resolve({ first: head + 1, last: head, count: 0 });
      } else if (signal === undefined) this.#launcher.submit(batchOf(request, resolve, reject));
      else this.#submitUntil(signal, request, resolve, reject);
    });
  }

  #submitUntil(
    signal: AbortSignal,
    request: BatchRequest,
    resolve: Batch['resolve'],
    reject: Batch['reject'],
  ): void {
    const abort = (): void => this.#launcher.cancel(batch, signal.reason);
    const batch = batchOf(
      request,
      (published) => {
        signal.removeEventListener('abort', abort);
        resolve(published);
      },
      (reason) => {
        signal.removeEventListener('abort', abort);
        reject(reason);
      },
    );
    signal.addEventListener('abort', abort);
    this.#launcher.submit(batch);
  }

  /** What it has done; a frozen snapshot. */
  stats(): GpuProducerStats {
    const { batches, launches, messages, clamped } = this.#launcher;
    const slotsUnderWay = this.#writer.reservedUnits;
    return Object.freeze({ batches, launches, messages, clamped, slotsUnderWay });
  }

  /**
   * Gives the ring and all memory back when what was launched is published; the rest is refused with `CLOSED`. Giving
   * GPU memory back waits for the work of the GPU that may use it.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { access, ring, ownStream, returned } = this.#holdings;
    try {
      // Once the channel has ended, readers may be gone before what is under way arrives.
      await this.#launcher.end(() => this.#closedError(), access.owner.end !== undefined);
      ring.close(this.#launcher.failure !== undefined);
      await ownStream?.close();
    } finally {
      access.producer = undefined;
      returned();
    }
  }

  #closedError(): Error {
    const { owner } = this.#holdings.access;
    return closedError('processBatch()', owner.channel, owner.end ?? { reason: 'closed' });
  }

  #assertOpen(): void {
    if (this.#launcher.failure !== undefined) throw this.#launcher.failure;
    const ended = this.#holdings.access.owner.end !== undefined;
    if (ended || this.#closing !== undefined) throw this.#closedError();
  }

  #request(contexts: readonly MessageContext[] | Uint32Array | DeviceContexts): BatchRequest {
    if (contexts instanceof Uint32Array) return this.#packed(contexts);
    if (Array.isArray(contexts)) return this.#packed(packContexts(contexts));
    return this.#onDevice(contexts as DeviceContexts);
  }

  #packed(contexts: Uint32Array): BatchRequest {
    if (contexts.length % CONTEXT_WORDS !== 0) {
      throw new RangeError(`packed contexts are four words each, got ${contexts.length} words`);
    }
    const count = contexts.length / CONTEXT_WORDS;
    // A batch of one step is checked when its contexts are copied.
    if (count > this.#limits.maxMessages) checkContexts(contexts, this.#limits);
    return { contexts, pointer: 0, maxBytes: this.#limits.maxMessageBytes, count };
  }

  #onDevice(contexts: DeviceContexts): BatchRequest {
    if (typeof (contexts as DeviceContexts | null)?.pointer !== 'bigint') {
      throw new TypeError(
        'contexts must be an array of { offset, byteLength, type }, a Uint32Array of four words each, or ' +
          `{ pointer: bigint, count, maxBytes }, got ${describe(contexts)}`,
      );
    }
    const { pointer, count, maxBytes } = contexts;
    const { maxOverheadBytes, maxMessageBytes } = this.#limits;
    assertInteger('count', count, 0, 2 ** 32 - 1);
    assertInteger('maxBytes', maxBytes, maxOverheadBytes, maxMessageBytes);
    if (pointer <= 0n || pointer % BigInt(CONTEXT_BYTES) !== 0n) {
      throw new RangeError(`contexts.pointer must be a multiple of 16, got ${pointer}`);
    }
    return { contexts: undefined, pointer: Number(pointer), maxBytes, count };
  }
}

/** Keeps the ring mapped until the function that it returns is called. */
function borrow(access: RingAccess): () => void {
  let giveBack!: () => void;
  const returned = new Promise<void>((resolve) => (giveBack = resolve));
  access.owner.stream.borrow({ end: () => void access.producer?.close(), returned });
  return giveBack;
}

/** The ring of a publisher that a GPU can write for. */
function assertWritable(publisher: unknown): RingAccess {
  const access = ringAccessOf(publisher);
  if (access === undefined) {
    throw new TypeError(`publisher must be one of messages, got ${describe(publisher)}`);
  }
  const { owner } = access;
  if (owner.end !== undefined) throw closedError('GpuProducer.open()', owner.channel, owner.end);
  if (owner.stream.manifest.layout !== 'slots') {
    throw new TypeError(
      `${owner.channel} is in the bytes layout, which no GPU writes: open its publisher with layout: 'slots'`,
    );
  }
  if (access.producer === undefined) return access;
  throw new TypeError(`${owner.channel} has a GPU producer already; close it first`);
}

function deviceFor({ device, stream }: GpuProducerOptions, attempt: string): GpuDevice {
  return device === undefined && stream !== undefined
    ? deviceOfStream(streamHandle(stream))
    : findDevice(device, attempt);
}
