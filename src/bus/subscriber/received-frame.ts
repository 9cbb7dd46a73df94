/** A frame as a subscriber holds it: metadata copied when it was claimed, bytes in place until it is released. */
import { type ReadonlyBytes, SluiceError } from '../../core/index.js';
import {
  frameByteLength,
  shapesFromRecord,
  type FrameFormat,
  type VideoFormat,
  type ReadonlyTensorsOf,
  type TensorsOf,
} from '../../format/index.js';
import { streamHandle, type StreamLike } from '../../gpu/index.js';
import type { Memory } from '../../memory/index.js';
import { hostBytes, type ReadonlyTensorView, type Shapes } from '../../tensor/index.js';
import type { WaitOptions } from '../endpoint.js';
import { pauseBetweenLooks } from '../fence-poll.js';
import {
  asTensor,
  framePlanes,
  tensorsOf,
  type Plane,
  type ReadonlyPlane,
  type SlotBytes,
  slotPointer,
} from '../frame-views.js';
import { frameFlags, type FrameMetadata } from './frame-metadata.js';
import { convertPicture, type PictureOptions, wantedPicture } from './picture-conversion.js';
import type { FrameLease, Outputs } from './frame-lease.js';

/** What a publisher said of a frame. */
export interface FrameFlags {
  readonly keyFrame: boolean;
  /** The stream did not go on smoothly before this frame. */
  readonly discontinuity: boolean;
  /** Computed from a frame whose data was lost or incomplete. */
  readonly incomplete: boolean;
  /** The publisher knows that the data is damaged. */
  readonly corrupt: boolean;
}

/** A private copy of a frame: plain memory that nobody else writes. */
export interface HostCopy<F extends FrameFormat> {
  readonly format: F;
  readonly bytes: Uint8Array;
  readonly planes: readonly Plane[];
  readonly tensors: TensorsOf<F>;
  readonly ptsNs: number;
  readonly id: bigint;
}

/**
 * One frame, read where the publisher wrote it. It stays as it is until `release()`: the publisher takes no slot that
 * somebody holds. A frame of a `for await` loop is released at the next turn; one of `receive()` by its receiver.
 * After its release every property but the plain facts throws `CLOSED`.
 */
export class Frame<F extends FrameFormat> implements Disposable {
  readonly channel: string;
  /** The format of the frame's epoch, in full. */
  readonly format: F;
  /** Where the bytes can be read: 'host', or the GPU for which they are mapped, as this process numbers it. */
  readonly memory: Memory;
  /** Which life of its publisher: 32 hexadecimal digits. */
  readonly instance: string;
  /** Which format within the life of its publisher, from 1. */
  readonly epoch: number;
  /** From 1; goes on over changes of format, starts anew with another publisher. */
  readonly sequence: number;
  /** Frames passed over since the last one that this subscriber got. */
  readonly skipped: number;
  readonly #lease: FrameLease;
  readonly #metadata: FrameMetadata;
  readonly #onCopy: (byteLength: number) => void;
  #planes: readonly Plane[] | undefined;
  #tensors: TensorsOf<F> | undefined;
  #shapes: Shapes | undefined;
  #flags: FrameFlags;
  #released = false;

  /** @internal One claim of the lease belongs to this frame. */
  constructor(
    format: F,
    lease: FrameLease,
    metadata: FrameMetadata,
    onCopy: (byteLength: number) => void,
  ) {
    this.format = format;
    this.channel = lease.session.manifest.channel;
    this.instance = lease.session.manifest.instance;
    this.epoch = lease.session.manifest.epoch;
    this.sequence = metadata.sequence;
    this.skipped = metadata.skipped;
    this.memory = lease.session.memory;
    this.#flags = metadata.flags;
    this.#lease = lease;
    this.#metadata = metadata;
    this.#onCopy = onCopy;
  }

  /** What the publisher said of the frame. `incomplete` can still be raised until the frame is ready. */
  get flags(): FrameFlags {
    if (!this.released) this.#flags = frameFlags(this.#lease.flags);
    return this.#flags;
  }

  /** Lineage: the same on a frame, its packet, and everything derived from it. */
  get id(): bigint {
    const [low, high] = this.#metadata.idWords;
    return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }

  /** The id as two 32-bit words, low first. */
  get idWords(): readonly [number, number] {
    return this.#metadata.idWords;
  }

  /** Presentation time, ns: an integer within ±2^53. */
  get ptsNs(): number {
    return this.#metadata.ptsNs;
  }

  /** CLOCK_MONOTONIC of this process, ns. */
  get captureTimeNs(): number {
    return this.#metadata.captureTimeNs;
  }

  /** CLOCK_MONOTONIC of this process, ns. */
  get publishTimeNs(): number {
    return this.#metadata.publishTimeNs;
  }

  /** The capture time on the wall clock, as the publisher's offset at its start gives it. */
  get captureDate(): Date {
    return new Date(this.#metadata.captureUnixMs);
  }

  /** Up to 96 bytes that the publisher sent along; a copy. */
  get userData(): Uint8Array {
    return this.#metadata.userData;
  }

  /** Bytes of the slot in use. */
  get byteLength(): number {
    return this.#metadata.byteLength;
  }

  /**
   * The bytes in use, in place. Read-only memory: a store kills this process. Kept past `release()` it shows a newer
   * frame. Throws `DEVICE_MEMORY` for a frame in the memory of a GPU: use `pointer`, or copy with `toHost()`.
   */
  get bytes(): ReadonlyBytes {
    return hostBytes(this.#slot(), 'frame.bytes').subarray(0, this.#metadata.byteLength);
  }

  /**
   * Where the frame begins in the memory of the GPU, for kernels and CUDA libraries of this process, to be read only;
   * 0n for host memory. Kernels that are enqueued in the subscriber's `stream` find the data there; others wait by
   * `waitOn` or `ready`.
   */
  get pointer(): bigint {
    return slotPointer(this.#slot());
  }

  /** The planes of a picture, in place and read-only; empty for other formats. */
  get planes(): readonly ReadonlyPlane[] {
    const slot = this.#slot();
    this.#planes ??= framePlanes(this.format, slot);
    return this.#planes;
  }

  /** The named tensors in their actual shapes, in place and read-only. */
  get tensors(): ReadonlyTensorsOf<F> {
    const slot = this.#slot();
    this.#tensors ??= tensorsOf(this.format, slot, this.#actualShapes());
    return this.#tensors as ReadonlyTensorsOf<F>;
  }

  /** The frame as one tensor, in place. Throws `TypeError` where planes differ in size or there are several. */
  asTensor(): ReadonlyTensorView {
    return asTensor(this.format, this.#slot(), this.#actualShapes());
  }

  /** pending: announced, data still being written · lost: its publisher ended before the data was complete. */
  get state(): 'pending' | 'ready' | 'lost' {
    this.#assertHeld();
    return this.#lease.state();
  }

  /** Resolves once the data is complete. Rejects with `FRAME_LOST`, `CLOSED`, or the signal's reason. */
  async ready({ signal }: WaitOptions = {}): Promise<void> {
    const sinceMs = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      const state = this.state;
      if (state === 'ready') return;
      if (state === 'lost') {
        throw new SluiceError(
          'FRAME_LOST',
          `frame ${this.sequence} of ${this.channel}: its publisher ended before the data was complete`,
          { details: { channel: this.channel, epoch: this.epoch, sequence: this.sequence } },
        );
      }
      await pauseBetweenLooks(sinceMs);
    }
  }

  /**
   * Work that is enqueued in `stream` from here on finds the data there, and the slot is given back behind it: for a
   * second stream beside the subscriber's. Nothing waits here. Throws `TypeError` for a frame in host memory.
   */
  waitOn(stream: StreamLike): void {
    this.#assertHeld();
    this.#assertOnDevice('waitOn()');
    this.#lease.waitOn(streamHandle(stream));
  }

  /** A second claim on the same slot, with an end of its own. Needs no lease of its own. */
  retain(): Frame<F> {
    this.#assertHeld();
    this.#lease.retain();
    return new Frame(this.format, this.#lease, this.#metadata, this.#onCopy);
  }

  /**
   * Gives the claim back: at once, or behind the work in the streams that read the frame. `stream` names one that was
   * not told by `waitOn`. Twice is a bug and throws `CLOSED`.
   */
  release({ stream }: { readonly stream?: StreamLike } = {}): void {
    this.#assertHeld();
    if (stream !== undefined) this.#assertOnDevice('release()');
    const handle = stream === undefined ? undefined : streamHandle(stream);
    this.#flags = this.flags;
    this.#released = true;
    this.#lease.release(handle);
  }

  /** @internal Marks an output that was computed from the frame once it turns out to be lost. */
  whenLost(outputs: Outputs, slot: number, sequence: number): void {
    if (!this.released) this.#lease.whenLost(outputs, slot, sequence);
  }

  /** Releases unless that was done before, or the subscriber has ended: what `using` calls. */
  [Symbol.dispose](): void {
    if (!this.released) this.release();
  }

  /** Whether this claim was given back, or its subscriber closed. */
  get released(): boolean {
    return this.#released || this.#lease.ended;
  }

  /** Waits for the data and copies the frame into private memory. */
  async toHost(options: WaitOptions = {}): Promise<HostCopy<F>> {
    using held = this.retain();
    await held.ready(options);
    // Planes and tensors are laid out over the whole format, whatever part of it the publisher used.
    const byteLength = Math.max(this.#metadata.byteLength, frameByteLength(this.format));
    const bytes = await this.#lease.session.toHost(this.#lease, byteLength);
    this.#onCopy(bytes.byteLength);
    return {
      format: this.format,
      bytes,
      planes: framePlanes(this.format, bytes),
      tensors: tensorsOf(this.format, bytes, this.#actualShapes()),
      ptsNs: this.ptsNs,
      id: this.id,
    };
  }

  /**
   * Waits for the data and converts the picture, in private memory: other pixels, another size. One of another shape
   * is letterboxed. Frames of a GPU are copied first. Throws `TypeError` for what is no picture, and `UNSUPPORTED` for
   * colours that cannot be converted.
   */
  async toFormat(options: PictureOptions): Promise<HostCopy<VideoFormat>> {
    const target = wantedPicture(this.format, options);
    const { signal } = options;
    using held = this.retain();
    await held.ready(signal === undefined ? {} : { signal });
    const planes = held.memory === 'host' ? held.planes : (await held.toHost()).planes;
    const { bytes, planes: made } = convertPicture(
      this.format as VideoFormat,
      planes,
      target,
      options,
    );
    this.#onCopy(bytes.byteLength);
    const { ptsNs, id } = this;
    return { format: target, bytes, planes: made, tensors: tensorsOf(target, bytes), ptsNs, id };
  }

  #actualShapes(): Shapes {
    this.#shapes ??= shapesFromRecord(this.format, this.#metadata.dims);
    return this.#shapes;
  }

  #assertOnDevice(attempt: string): void {
    if (this.memory !== 'host') return;
    throw new TypeError(
      `${attempt}: frame ${this.sequence} of ${this.channel} is in host memory, which no stream reads; ` +
        "subscribe with copyTo: 'cuda' to have it on a GPU",
    );
  }

  #slot(): SlotBytes {
    this.#assertHeld();
    return this.#lease.bytes;
  }

  #assertHeld(): void {
    if (!this.released) return;
    throw new SluiceError(
      'CLOSED',
      `frame ${this.sequence} of ${this.channel} was ${this.#released ? 'released' : 'ended with its subscriber'} before`,
      { remedy: 'Use a frame before its release; retain() keeps it beyond the loop.' },
    );
  }
}
