/**
 * A slots ring as a GPU writes it: the ring registered with the device, memory of the device for what one batch leaves
 * to the next, host memory for contexts and results, and the launches.
 */
import { addressOf } from '../../ffi/index.js';
import {
  copyToDevice,
  DeviceBuffer,
  fill32,
  type GpuDevice,
  registerHostMemory,
  type Registration,
  Stream,
  streamHandle,
  streamIdle,
  type StreamLike,
  useDevice,
} from '../../gpu/index.js';
import { HEADER_BYTES } from '../../layout/index.js';
import { createSealedRegion, type Region } from '../../memory/index.js';
import type { RingStanding } from '../../ring/index.js';
import {
  type BatchLimits,
  BatchWord,
  BLOCK_THREADS,
  CONTEXT_BYTES,
  LaunchParameters,
  PLAN_THREADS,
  RESULT_BYTES,
  ResultByte,
  SLOTS_PER_BLOCK,
  SMALL_MESSAGES,
  SMALL_SLOTS,
  STATE_BYTES,
  type StyleTable,
} from './gpu-batch.js';
import { type RingKernels, ringKernels } from './gpu-kernels.js';

/** Launches under way, each with a result of its own. */
export const MAX_LAUNCHES = 64;

/** Pieces whose contexts fit into host memory at once; more would not keep the GPU busier. */
const STAGED_PIECES = 4;

/** The arena ends on a word, and on a whole store of the widest kind. */
const ARENA_ALIGNMENT_BYTES = 16;

export interface GpuRingOptions {
  readonly device: GpuDevice;
  readonly stream: StreamLike;
  /** The whole control block. */
  readonly control: Uint8Array;
  readonly slots: number;
  readonly styles: StyleTable;
  readonly limits: BatchLimits;
}

/** What a launch is to write; `at` and `messages` are of the staged contexts, or of `contextsPointer` if that is given. */
export interface LaunchPlan {
  /** Contexts in memory of the device; 0: staged by the host. */
  readonly contextsPointer: number;
  readonly at: number;
  readonly messages: number;
  /** Slots, or the most there can be. */
  readonly units: number;
  readonly last: number;
  /** Every message takes one slot. */
  readonly uniform: boolean;
  /** Longest message. */
  readonly maxBytes: number;
}

interface Launch {
  grid: number;
  readonly block: number;
  readonly stream: StreamLike;
  readonly args: readonly [{ readonly bytes: Uint8Array }];
}

export class GpuRing {
  /** Contexts on their way to the GPU, four words each; see `fillPiece`. */
  readonly staged: Uint32Array;
  readonly stagedCapacity: number;
  readonly arenaPointer: bigint;
  readonly #device: GpuDevice;
  readonly #streamHandle: number;
  readonly #kernels: RingKernels;
  readonly #arena: DeviceBuffer;
  readonly #memory: DeviceBuffer;
  readonly #host: Region;
  readonly #registrations: readonly Registration[];
  readonly #results: Int32Array;
  readonly #resultDoubles: Float64Array;
  readonly #resultsPointer: number;
  readonly #contextsPointer: number;
  readonly #parameters = new LaunchParameters();
  readonly #batch: Launch;
  readonly #plan: Launch;
  readonly #small: Launch;
  #number = 0;

  /** Throws `CUDA_ERROR`, `NO_SPACE`. */
  static async open(options: GpuRingOptions): Promise<GpuRing> {
    const { device, control } = options;
    const { arenaBytes, maxMessages, channel } = options.limits;
    const opened: { close(): unknown }[] = [];
    const keep = <T extends { close(): unknown }>(resource: T): T => {
      opened.push(resource);
      return resource;
    };
    try {
      const kernels = ringKernels(device);
      const aligned = Math.ceil(arenaBytes / ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES;
      const where = { device: device.index };
      const arena = keep(DeviceBuffer.create(aligned, where));
      const layout = deviceLayout(options);
      const memory = keep(DeviceBuffer.create(layout.byteLength, where));
      await prepare(device, memory, layout, options.styles);
      const staged = maxMessages * STAGED_PIECES;
      const hostBytes = MAX_LAUNCHES * RESULT_BYTES + staged * CONTEXT_BYTES;
      const host = keep(createSealedRegion(`sluice-gpu:${channel}`, hostBytes));
      const attempt = `let ${device.name} write messages of ${channel}`;
      const register = (bytes: Uint8Array): Registration =>
        keep(registerHostMemory(bytes, { device, attempt }));
      const ring = register(control);
      const shared = register(new Uint8Array(host.buffer));
      return new GpuRing(options, kernels, { arena, memory, layout, host, ring, shared, staged });
    } catch (error) {
      for (const resource of opened.toReversed()) resource.close();
      throw error;
    }
  }

  private constructor(
    options: GpuRingOptions,
    kernels: RingKernels,
    parts: {
      readonly arena: DeviceBuffer;
      readonly memory: DeviceBuffer;
      readonly layout: DeviceLayout;
      readonly host: Region;
      readonly ring: Registration;
      readonly shared: Registration;
      readonly staged: number;
    },
  ) {
    const { host, shared, ring, layout } = parts;
    const resultsBytes = MAX_LAUNCHES * RESULT_BYTES;
    this.#device = options.device;
    this.#streamHandle = streamHandle(options.stream);
    this.#kernels = kernels;
    this.#arena = parts.arena;
    this.#memory = parts.memory;
    this.#host = host;
    this.#registrations = [shared, ring];
    this.#results = new Int32Array(host.buffer, 0, resultsBytes / 4);
    this.#resultDoubles = new Float64Array(host.buffer, 0, resultsBytes / 8);
    this.#resultsPointer = shared.devicePointer;
    this.#contextsPointer = shared.devicePointer + resultsBytes;
    this.staged = new Uint32Array(host.buffer, resultsBytes, (parts.staged * CONTEXT_BYTES) / 4);
    this.stagedCapacity = parts.staged;
    this.arenaPointer = parts.arena.pointer;
    const memory = Number(parts.memory.pointer);
    const styled = options.styles.maxOverheadBytes > 0;
    const p = this.#parameters;
    p.set64(BatchWord.ring, ring.devicePointer);
    p.set64(BatchWord.state, memory);
    p.set64(BatchWord.styles, styled ? memory + layout.stylesOffset : 0);
    p.set64(BatchWord.plan, memory + layout.planOffset);
    p.set64(BatchWord.arena, Number(parts.arena.pointer));
    p.set64(BatchWord.arenaBytes, options.limits.arenaBytes);
    p.set(BatchWord.mask, options.slots - 1);
    p.set(BatchWord.recordsOffset, HEADER_BYTES);
    const launch = (block: number, bytes: Uint8Array): Launch => ({
      grid: 1,
      block,
      stream: options.stream,
      args: [{ bytes }],
    });
    this.#batch = launch(BLOCK_THREADS, p.batch);
    this.#plan = launch(PLAN_THREADS, p.batch);
    this.#small = launch(BLOCK_THREADS, p.small);
  }

  /**
   * Launches one batch behind what is in the stream and returns the number of its result. `standing`: where the ring
   * stands when the host was the last to write to it; else the GPU knows.
   */
  launch(plan: LaunchPlan, standing: RingStanding | undefined): number {
    const { contextsPointer, at, messages, units, uniform } = plan;
    const number = (this.#number = nextNumber(this.#number));
    const p = this.#parameters;
    const slot = number % MAX_LAUNCHES;
    p.set64(BatchWord.result, this.#resultsPointer + slot * RESULT_BYTES);
    p.set(BatchWord.number, number);
    p.set(BatchWord.count, messages);
    p.set(BatchWord.units, units);
    p.set(BatchWord.last, plan.last);
    p.set(BatchWord.maxBytes, plan.maxBytes);
    p.set(BatchWord.fresh, standing === undefined ? 0 : 1);
    if (standing !== undefined) {
      p.set64(BatchWord.head, standing.head);
      p.set64(BatchWord.published, standing.published);
      p.set64(BatchWord.bytes, standing.bytes);
    }
    const kernels = this.#kernels;
    const batch = this.#batch;
    if (contextsPointer === 0 && messages <= SMALL_MESSAGES && units <= SMALL_SLOTS) {
      p.setContexts(this.staged, at, messages);
      kernels.small.launch(this.#small);
      return number;
    }
    p.set64(
      BatchWord.contexts,
      contextsPointer === 0 ? this.#contextsPointer + at * CONTEXT_BYTES : contextsPointer,
    );
    batch.grid = Math.ceil(units / SLOTS_PER_BLOCK);
    if (uniform) {
      kernels.uniform.launch(batch);
      return number;
    }
    kernels.plan.launch(this.#plan);
    kernels.write.launch(batch);
    return number;
  }

  /** Whether the batch of this number is announced. Then its result can be read until MAX_LAUNCHES more were launched. */
  isAnnounced(number: number): boolean {
    return Atomics.load(this.#results, wordOf(number, ResultByte.number)) >>> 0 === number;
  }

  /** Position behind the last slot. */
  headAfter(number: number): number {
    const slot = number % MAX_LAUNCHES;
    return this.#resultDoubles[(slot * RESULT_BYTES + ResultByte.head) / 8] as number;
  }

  /** Low word of where its last message starts. */
  newestStart(number: number): number {
    return this.#results[wordOf(number, ResultByte.newestStart)] as number;
  }

  units(number: number): number {
    return this.#results[wordOf(number, ResultByte.units)] as number;
  }

  /** Messages that were cut to what there is. */
  clamped(number: number): number {
    return this.#results[wordOf(number, ResultByte.clamped)] as number;
  }

  /** Whether the stream has done all its work. Throws `CUDA_ERROR` when it failed. */
  get idle(): boolean {
    useDevice(this.#device);
    return streamIdle(this.#streamHandle);
  }

  /** Only when nothing is under way. With `failed` the context is lost, and what cannot be given back is gone with it. */
  close(failed: boolean): void {
    for (const resource of [...this.#registrations, this.#host, this.#memory, this.#arena]) {
      try {
        resource.close();
      } catch (error) {
        if (!failed) throw error;
      }
    }
  }
}

/** Zeros, and the styles. On a stream of its own: the caller's may be behind long work. */
async function prepare(
  device: GpuDevice,
  memory: DeviceBuffer,
  layout: DeviceLayout,
  styles: StyleTable,
): Promise<void> {
  const stream = await Stream.create({ device: device.index });
  try {
    const handle = streamHandle(stream);
    const address = Number(memory.pointer);
    useDevice(device);
    fill32(handle, address, 0, layout.byteLength / 4);
    const { bytes } = styles;
    copyToDevice(handle, address + layout.stylesOffset, Number(addressOf(bytes)), bytes.length);
    await stream.synchronize();
  } finally {
    await stream.close();
  }
}

/** 0 is what memory that was never written says. */
function nextNumber(number: number): number {
  return number === 2 ** 32 - 1 ? 1 : number + 1;
}

function wordOf(number: number, offsetBytes: number): number {
  return ((number % MAX_LAUNCHES) * RESULT_BYTES + offsetBytes) / 4;
}

interface DeviceLayout {
  readonly stylesOffset: number;
  readonly planOffset: number;
  readonly byteLength: number;
}

/** State, styles, plan, each at a multiple of 256 bytes. */
function deviceLayout({ styles, limits: { maxMessages } }: GpuRingOptions): DeviceLayout {
  const stylesOffset = Math.ceil(STATE_BYTES / 256) * 256;
  const planOffset = stylesOffset + Math.ceil(styles.bytes.length / 256) * 256;
  return { stylesOffset, planOffset, byteLength: planOffset + maxMessages * CONTEXT_BYTES };
}
