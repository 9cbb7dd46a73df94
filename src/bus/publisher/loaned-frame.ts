/** A slot on loan: written in place, then published or given back. */
import { SluiceError } from '../../core/index.js';
import {
  frameLayout,
  resolveShapes,
  type FrameFormat,
  type TensorsOf,
} from '../../format/index.js';
import { monotonicNs } from '../../ffi/index.js';
import type { StreamLike } from '../../gpu/index.js';
import { FrameFlag, MAX_USER_DATA_BYTES } from '../../layout/index.js';
import type { FrameRecord } from '../../ring/index.js';
import type { Memory } from '../../memory/index.js';
import { hostBytes, type ShapeOption, type TensorView } from '../../tensor/index.js';
import {
  asTensor,
  framePlanes,
  type Plane,
  type SlotBytes,
  slotPointer,
  tensorsOf,
} from '../frame-views.js';
import { pauseBetweenLooks } from '../fence-poll.js';
import type { Frame } from '../subscriber/received-frame.js';
import type { FrameStream } from './frame-stream.js';
import { idWords } from './lineage-id.js';

/** What travels with a frame. */
export interface PublishOptions {
  /**
   * Of what it was computed. ptsNs, capture time and id are those of the first; one that is lost, corrupt or incomplete
   * marks this frame incomplete.
   */
  readonly source?: Frame<FrameFormat> | readonly Frame<FrameFormat>[];
  /**
   * The lineage id, from 1 to 2^64 - 1: the same as that of the packet the frame was decoded from. Default: the source's,
   * else one of its own.
   */
  readonly id?: bigint;
  /** Presentation time in ns. Default: the source's, else the capture time. */
  readonly ptsNs?: number;
  /** CLOCK_MONOTONIC in ns. Default: the source's, else now. */
  readonly captureTimeNs?: number;
  /** Readable without the frames before it; what `keyFramesOnly` subscribers wait for. */
  readonly keyFrame?: boolean;
  /** The stream did not go on smoothly before this frame. */
  readonly discontinuity?: boolean;
  /** Shapes of variable tensors: of the only one, or by name; what is left out has its largest shape. */
  readonly shape?: ShapeOption;
  /** At most 96 bytes that travel with the frame. */
  readonly userData?: Uint8Array;
  /** Bytes of the slot in use. Default: all that the format needs. */
  readonly byteLength?: number;
  /**
   * Announces the frame before its data is complete; `complete(sequence)` follows. Subscribers see it `pending`
   * until then, and `lost` when this process ends before.
   */
  readonly deferred?: boolean;
  /**
   * Frames of a GPU: the stream that writes the data. The frame is complete behind the work that is in the stream
   * now; nothing waits for it here. Default the publisher's stream; host slots with a `device` are complete at once
   * without one.
   */
  readonly stream?: StreamLike;
}

/** What a loan needs of its publisher. */
export interface LoanHost<F extends FrameFormat> {
  /** Announces the slot and rings the subscribers. */
  publishLoan(
    loan: LoanedFrame<F>,
    stream: FrameStream<F>,
    slot: number,
    record: FrameRecord,
    options: PublishOptions,
  ): number;
  giveBack(loan: LoanedFrame<F>, stream: FrameStream<F>, slot: number): void;
}

/** Disposing a loan that was not published gives its slot back. */
export class LoanedFrame<F extends FrameFormat> implements Disposable {
  readonly format: F;
  readonly memory: Memory;
  readonly #host: LoanHost<F>;
  readonly #stream: FrameStream<F>;
  readonly #slot: number;
  readonly #bytes: SlotBytes;
  #planes: readonly Plane[] | undefined;
  #tensors: TensorsOf<F> | undefined;
  #state: 'loaned' | 'published' | 'given back' | 'revoked' = 'loaned';

  constructor(host: LoanHost<F>, stream: FrameStream<F>, slot: number) {
    this.#host = host;
    this.#stream = stream;
    this.#slot = slot;
    this.format = stream.format;
    this.memory = stream.manifest.memory;
    this.#bytes = stream.bytesOf(slot);
  }

  /**
   * The whole slot, at least as long as the format needs. What it holds before is an older frame.
   * Throws `DEVICE_MEMORY` for a slot in the memory of a GPU: use `pointer`.
   */
  get bytes(): Uint8Array {
    this.#assertLoaned();
    return hostBytes(this.#bytes, 'loan.bytes');
  }

  /** Bytes of the whole slot. */
  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /**
   * Where the slot begins for kernels and CUDA libraries of this process: in the memory of the GPU, or in host memory
   * that was registered with it (`device`). 0n when no GPU can write the slot.
   */
  get pointer(): bigint {
    this.#assertLoaned();
    return this.#stream.gpu?.devicePointer(this.#slot) ?? slotPointer(this.#bytes);
  }

  /** The planes of a picture, writable; empty for other formats. */
  get planes(): readonly Plane[] {
    this.#assertLoaned();
    this.#planes ??= framePlanes(
      this.format,
      this.#bytes,
      this.#stream.gpu?.devicePointer(this.#slot),
    );
    return this.#planes;
  }

  /** The named tensors at their largest shape, writable. */
  get tensors(): TensorsOf<F> {
    this.#assertLoaned();
    this.#tensors ??= tensorsOf(this.format, this.#bytes);
    return this.#tensors;
  }

  /** The frame as one tensor. Throws `TypeError` where planes differ in size or there are several tensors. */
  asTensor(): TensorView {
    this.#assertLoaned();
    return asTensor(this.format, this.#bytes);
  }

  /**
   * Hands the slot over; the loan ends. Returns the sequence. A bad option throws and leaves the loan as it was.
   * Throws `CLOSED` when the publisher or its epoch has ended.
   */
  publish(options: PublishOptions = {}): number {
    this.#assertLoaned();
    return this.#publish(this.#record(options), options);
  }

  /**
   * @internal Copies `bytes` in and publishes. Undefined when the GPU has not taken the copies before; nothing was
   * published then. Options are checked first: what a GPU was told to copy into the slot cannot be taken back.
   */
  publishCopy(bytes: Uint8Array, options: PublishOptions): number | undefined {
    this.#assertLoaned();
    const record = this.#record(options);
    if (!this.#stream.tryCopyIn(this.#slot, bytes, options.stream)) return undefined;
    return this.#publish(record, options);
  }

  /** @internal As `publishCopy`, as soon as the GPU has taken the copies before. Rejects with the signal's reason. */
  async publishCopyInTurn(
    bytes: Uint8Array,
    options: PublishOptions,
    signal: AbortSignal,
  ): Promise<number> {
    const sinceMs = performance.now();
    for (;;) {
      signal.throwIfAborted();
      const sequence = this.publishCopy(bytes, options);
      if (sequence !== undefined) return sequence;
      await pauseBetweenLooks(sinceMs);
    }
  }

  #publish(record: FrameRecord, options: PublishOptions): number {
    const sequence = this.#host.publishLoan(this, this.#stream, this.#slot, record, options);
    this.#state = 'published';
    for (const source of sourcesOf(options)) this.#inherit(source, sequence);
    return sequence;
  }

  /**
   * Gives an unpublished slot back; harmless after `publish`. On a GPU it is taken again once the publisher's default
   * stream is through with what it was told before; what other streams were told to write must be done by then.
   */
  [Symbol.dispose](): void {
    if (this.#state !== 'loaned') return;
    this.#state = 'given back';
    this.#host.giveBack(this, this.#stream, this.#slot);
  }

  /**
   * The publisher closed or changed its format: the slot is gone. On a GPU its memory stays until the default stream is
   * through, as when a slot is given back.
   */
  revoke(): void {
    this.#state = 'revoked';
  }

  /** A source that is lost before its data was complete marks what was computed from it. */
  #inherit(source: Frame<FrameFormat>, sequence: number): void {
    const { writer } = this.#stream;
    const slot = this.#slot;
    source.whenLost(writer, slot, sequence);
  }

  #record(options: PublishOptions): FrameRecord {
    const { userData } = options;
    const [source] = sourcesOf(options);
    this.#assertOrder(options);
    const captureTimeNs = options.captureTimeNs ?? source?.captureTimeNs ?? monotonicNs();
    const { byteLength = this.#stream.frameBytes } = options;
    if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > this.#bytes.byteLength) {
      throw new RangeError(
        `publish(): byteLength must be from 0 to ${this.#bytes.byteLength}, got ${byteLength}`,
      );
    }
    if (userData !== undefined && userData.byteLength > MAX_USER_DATA_BYTES) {
      throw new RangeError(
        `publish(): userData has ${userData.byteLength} bytes, at most ${MAX_USER_DATA_BYTES}`,
      );
    }
    const variable = frameLayout(this.format).variableDimensionCount > 0;
    if (options.shape !== undefined && !variable) {
      throw new TypeError('publish(): shape is given, but the format has no variable tensor');
    }
    const ptsNs = options.ptsNs ?? source?.ptsNs ?? captureTimeNs;
    assertTime('ptsNs', ptsNs);
    assertTime('captureTimeNs', captureTimeNs);
    const flags = flagsOf(options);
    const [idLow, idHigh] = idWords('publish()', options.id, source);
    const record = {
      flags,
      byteLength,
      ptsNs,
      captureTimeNs,
      publishTimeNs: monotonicNs(),
      idLow,
      idHigh,
      dims: variable ? Array.from(resolveShapes(this.format, options.shape)) : NO_DIMENSIONS,
      userData,
    };
    if (source === undefined) return record;
    // Asked again when the record is written, behind all calls of the driver: it may have been lost during one.
    return Object.defineProperty(record, 'flags', { get: () => flagsOf(options) });
  }

  #assertOrder({ stream, deferred }: PublishOptions): void {
    const { gpu, format } = this.#stream;
    if (stream !== undefined && gpu === undefined) {
      throw new TypeError(
        `publish(): stream is given, but no GPU writes this ${format.kind} channel; ` +
          "open the publisher with memory: 'cuda', or with a device",
      );
    }
    if (deferred === true && gpu !== undefined) {
      throw new TypeError(
        'publish(): deferred is for frames that this process completes; a stream completes those of a GPU',
      );
    }
  }

  #assertLoaned(): void {
    if (this.#state === 'loaned') return;
    throw new SluiceError('CLOSED', `the loan of slot ${this.#slot} was ${this.#state} before`, {
      remedy: 'Take a new loan for each frame.',
    });
  }
}

const NO_DIMENSIONS: readonly number[] = Object.freeze([]);
const NO_SOURCES: readonly Frame<FrameFormat>[] = Object.freeze([]);

function sourcesOf({ source }: PublishOptions): readonly Frame<FrameFormat>[] {
  if (source === undefined) return NO_SOURCES;
  return Array.isArray(source) ? source : [source as Frame<FrameFormat>];
}

function flagsOf(options: PublishOptions): number {
  const { keyFrame, discontinuity } = options;
  const incomplete = sourcesOf(options).some(
    ({ flags, state }) => flags.incomplete || flags.corrupt || state === 'lost',
  );
  return (
    (keyFrame === true ? FrameFlag.key : 0) |
    (discontinuity === true ? FrameFlag.discontinuity : 0) |
    (incomplete ? FrameFlag.incomplete : 0)
  );
}

function assertTime(name: string, value: number): void {
  if (!Number.isSafeInteger(Math.round(value))) {
    throw new RangeError(`publish(): ${name} must be nanoseconds within ±2^53, got ${value}`);
  }
}
