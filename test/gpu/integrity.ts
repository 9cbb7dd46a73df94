/**
 * Frames of which every word tells whose it is: stamped by a kernel, checked by a kernel where they are read, behind
 * whatever the reader's stream waits for.
 */
import { readFileSync } from 'node:fs';
import { createSealedRegion, type Region } from '../../src/memory/index.js';
import {
  type GpuDevice,
  type Kernel,
  loadKernel,
  registerHostMemory,
  type Registration,
  type Stream,
} from '../../src/gpu/index.js';
import { type Frame, type FrameFormat, tensor, type TensorFormat } from '../../src/index.js';
import { isSimulated } from './place.js';

/** Words of a frame. Large enough on a GPU that a store or a check takes a while, small where one core does it. */
export const WORDS = isSimulated ? 4096 : 2 ** 20;

export type Stamped = TensorFormat<'data'>;
export const STAMPED: Stamped = tensor('u32', [WORDS]);

/** The simulator knows the kernels by their names. */
const ptx = readFileSync(new URL('../../../kernels/integrity.ptx', import.meta.url), 'utf8');

const NAMES = ['stamp', 'check', 'delay', 'store32'] as const;
type Name = (typeof NAMES)[number];

const loaded = new Map<number, Readonly<Record<Name, Kernel>>>();

/**
 * Those of a device. To be called before the first wait is enqueued: loading code waits for all streams of the process,
 * also for one that waits for this thread.
 */
export function kernelsOf(device: GpuDevice): Readonly<Record<Name, Kernel>> {
  const known = loaded.get(device.index);
  if (known !== undefined) return known;
  const entries = NAMES.map((name) => [name, loadKernel(ptx, name, { device: device.index })]);
  const kernels = Object.fromEntries(entries) as Record<Name, Kernel>;
  loaded.set(device.index, kernels);
  return kernels;
}

const GRID = isSimulated ? 1 : 128;
const BLOCK = isSimulated ? 1 : 256;

/** Enqueues stores into every word. */
export function stamp(stream: Stream, pointer: bigint, value: number, words = WORDS): void {
  const args = [pointer, { u64: words }, { u32: value }];
  kernelsOf(stream.device).stamp.launch({ grid: GRID, block: BLOCK, stream, args });
}

/** Keeps a stream busy. */
export function delay(stream: Stream, milliseconds: number): void {
  const args = [{ u64: Math.round(milliseconds * 1000) }];
  kernelsOf(stream.device).delay.launch({ grid: 1, block: 1, stream, args });
}

/** Enqueues one store. */
export function store32(stream: Stream, pointer: bigint, value: number): void {
  const args = [pointer, { u32: value }];
  kernelsOf(stream.device).store32.launch({ grid: 1, block: 1, stream, args });
}

/** Word `index` of a frame that was stamped with `value`. */
export function wordOf(value: number, index: number): number {
  return (Math.imul(value, 2654435761) + index) >>> 0;
}

/** How many words of a stamped frame are not what they should be. */
export function wrongWords(bytes: { slice(): Uint8Array<ArrayBuffer> }, value: number): number {
  const words = new Uint32Array(bytes.slice().buffer);
  let wrong = Math.abs(words.length - WORDS);
  for (let i = 0; i < words.length; i++) if (words[i] !== wordOf(value, i)) wrong += 1;
  return wrong;
}

/** A whole stamped frame in plain memory. */
export function stampedWords(value: number): Uint32Array {
  const words = new Uint32Array(WORDS);
  for (let i = 0; i < WORDS; i++) words[i] = wordOf(value, i);
  return words;
}

const COUNTS = 1024;

/** Counts wrong words by a kernel, into host memory that can be looked at without waiting. One count a check. */
export class Checker {
  readonly #region: Region;
  readonly #registration: Registration;
  readonly #counts: Uint32Array;
  #next = 0;
  /** In counts that were used again. */
  #formerWrong = 0;

  constructor(readonly stream: Stream) {
    kernelsOf(stream.device);
    this.#region = createSealedRegion('sluice-counts', COUNTS * 4);
    this.#counts = new Uint32Array(this.#region.buffer);
    this.#registration = registerHostMemory(new Uint8Array(this.#region.buffer), {
      device: stream.device,
      attempt: 'register the counts of a test',
    });
  }

  /** Enqueues a check of a frame whose ptsNs is what it was stamped with. Returns its number. */
  check(frame: Frame<FrameFormat>, stream = this.stream): number {
    return this.checkAt(frame.pointer, frame.ptsNs, stream);
  }

  checkAt(pointer: bigint, value: number, stream = this.stream): number {
    const number = this.#next++ % COUNTS;
    this.#formerWrong += this.wrongIn(number);
    this.#counts[number] = 0;
    const result = BigInt(this.#registration.devicePointer + number * 4);
    const args = [pointer, { u64: WORDS }, { u32: value }, result];
    kernelsOf(stream.device).check.launch({ grid: GRID, block: BLOCK, stream, args });
    return number;
  }

  /** Wrong words that a check found; when the stream is through with it. */
  wrongIn(number: number): number {
    return this.#counts[number] ?? 0;
  }

  /** Wrong words of all checks that were done so far. */
  get wrong(): number {
    return this.#counts.reduce((sum, count) => sum + count, this.#formerWrong);
  }

  get checks(): number {
    return this.#next;
  }

  /** Only when the streams are idle. */
  close(): void {
    this.#registration.close();
    this.#region.close();
  }
}
