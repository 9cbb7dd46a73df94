/** What programs of GPU benchmarks are made of: words that streams and this thread share, and the kernels of tests. */
import { readFileSync } from 'node:fs';
import {
  enqueueWait64,
  enqueueWrite64,
  Event,
  findDevice,
  type GpuDevice,
  type Kernel,
  loadKernel,
  registerHostMemory,
  type Registration,
  type Stream,
  streamHandle,
  useDevice,
} from '../../gpu/index.js';
import { createSealedRegion, type Region } from '../../memory/index.js';
import { turnsFor } from './serve.js';

const PAGE_BYTES = 4096;
/** One word a cache line. */
const WORD_BYTES = 64;

/** Host memory that streams of a GPU read and write. */
export class HostWords {
  readonly device: GpuDevice;
  readonly bytes: Uint8Array;
  readonly #region: Region;
  readonly #words: Int32Array;
  readonly #registration: Registration;
  readonly #pointer: number;
  #gate = 0;

  constructor(device: number, byteLength = PAGE_BYTES) {
    this.device = findDevice(device, 'share words with a GPU');
    this.#region = createSealedRegion('sluice bench', byteLength);
    this.bytes = new Uint8Array(this.#region.buffer);
    this.#words = new Int32Array(this.bytes.buffer);
    this.#registration = registerHostMemory(this.bytes, {
      device: this.device,
      attempt: 'share words with a GPU',
    });
    this.#pointer = this.#registration.devicePointer;
  }

  /** Only when no stream uses it; programs that need it to their end leave it open. */
  close(): void {
    this.#registration.close();
    this.#region.close();
  }

  /** Where the GPU finds word `index`. */
  pointer(index: number): bigint {
    return BigInt(this.#pointer + index * WORD_BYTES);
  }

  get(index: number): number {
    return Atomics.load(this.#words, (index * WORD_BYTES) / 4);
  }

  set(index: number, value: number): void {
    Atomics.store(this.#words, (index * WORD_BYTES) / 4, value);
  }

  /** `stream` stores `value` behind what is in it. */
  write(stream: Stream, index: number, value: number): void {
    useDevice(this.device);
    enqueueWrite64(streamHandle(stream), Number(this.pointer(index)), value);
  }

  /** Holds `stream` back at this point until the function that it returns is called. Uses word 0. */
  hold(stream: Stream): () => void {
    const wanted = ++this.#gate;
    useDevice(this.device);
    enqueueWait64(streamHandle(stream), Number(this.pointer(0)), wanted);
    return () => this.set(0, wanted);
  }
}

let ptx: string | undefined;

/** A kernel of kernels/integrity.cu: `stamp`, `check`, `delay`. */
export function integrityKernel(name: string, device: number): Kernel {
  ptx ??= readFileSync(new URL('../../../../kernels/integrity.ptx', import.meta.url), 'utf8');
  return loadKernel(ptx, name, { device });
}

/** Enough blocks to fill any GPU of today with threads of 256 a block. */
export const WIDE_LAUNCH = Object.freeze({ grid: 1056, block: 256 });

/** Writes known words, `bytes` long, at a device address. */
export function stamp(kernel: Kernel, stream: Stream, at: bigint, bytes: number, seed: number) {
  const args = [at, { u64: bytes / 4 }, { u32: seed }];
  kernel.launch({ ...WIDE_LAUNCH, stream, args });
}

/** Two points of a stream, and the time of the GPU's clock between them. */
export class Stopwatch {
  readonly #from: Event;
  readonly #to: Event;
  readonly #stream: Stream;

  constructor(stream: Stream) {
    const options = { device: stream.device.index, timing: true };
    this.#stream = stream;
    this.#from = Event.create(options);
    this.#to = Event.create(options);
  }

  start(): void {
    this.#from.record(this.#stream);
  }

  stop(): void {
    this.#to.record(this.#stream);
  }

  /** Once the stream has passed both points. */
  async us(what: string): Promise<number> {
    await turnsFor(what, () => (this.#to.reached ? true : undefined));
    return this.#to.elapsedMs(this.#from) * 1000;
  }
}

/** How many words at `pointer` are not what `stamp` wrote, looked at by the GPU behind what is in `stream`. */
export async function checkWords(
  kernel: Kernel,
  stream: Stream,
  words: HostWords,
  word: number,
  wanted: { readonly pointer: bigint; readonly byteLength: number; readonly seed: number },
): Promise<number> {
  const { pointer, byteLength, seed } = wanted;
  words.set(word, 0);
  const args = [pointer, { u64: byteLength / 4 }, { u32: seed }, words.pointer(word)];
  kernel.launch({ ...WIDE_LAUNCH, stream, args });
  await stream.synchronize();
  return words.get(word);
}
