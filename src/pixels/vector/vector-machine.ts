/**
 * The kernels of this thread and the memory that they work in. WebAssembly reaches no memory but its own, so rows of
 * pictures are copied into it and out again, a few at a time: they stay in the processor's cache.
 */
import { invariant } from '../../core/index.js';
import { encodeModule } from '../wasm/module-encoder.js';
import { columnKernels } from './column-kernels.js';
import { interleaveKernels } from './interleave-kernels.js';
import { reduceKernels } from './reduce-kernels.js';
import { rowKernels } from './row-kernels.js';
import { sampleKernels } from './sample-kernels.js';

/** Addresses, counts and weights; the kernel says which. */
export type Kernel = (...numbers: readonly number[]) => void;

const PAGE_BYTES = 65536;

/** Of WebAssembly as far as it is used. The language's own declarations have it with those of browsers only. */
interface WebAssemblyInterface {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly pixels: { readonly memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, Kernel>> };
  readonly Memory: new (pages: { readonly initial: number }) => WasmMemory;
}

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** One a thread. What stands in its memory is for one call of a converter. */
export class VectorMachine {
  readonly #memory: WasmMemory;
  readonly #kernels: Readonly<Record<string, Kernel>>;
  /** All of the memory; another array once it has grown. */
  bytes: Uint8Array;
  /** Whose tables stand there. */
  tenant: object | undefined;

  constructor(wasm: WebAssemblyInterface, code: Uint8Array) {
    this.#memory = new wasm.Memory({ initial: 1 });
    const imports = { pixels: { memory: this.#memory } };
    this.#kernels = new wasm.Instance(new wasm.Module(code), imports).exports;
    this.bytes = new Uint8Array(this.#memory.buffer);
  }

  kernel(name: string): Kernel {
    const kernel = this.#kernels[name];
    invariant(kernel !== undefined, `there is a kernel ${name}`);
    return kernel;
  }

  /** Makes the memory as large. It does not become smaller again. Throws `RangeError` when there is no more. */
  reserve(byteLength: number): void {
    const missing = byteLength - this.bytes.byteLength;
    if (missing <= 0) return;
    this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.bytes = new Uint8Array(this.#memory.buffer);
  }
}

let machine: VectorMachine | undefined;
let isMissing = false;

/** Undefined where there is no WebAssembly with vectors, as in a Node without a compiler (`--jitless`). */
export function vectorMachine(): VectorMachine | undefined {
  if (machine !== undefined || isMissing) return machine;
  const wasm = (globalThis as { readonly WebAssembly?: WebAssemblyInterface }).WebAssembly;
  const parts = [rowKernels, reduceKernels, columnKernels, sampleKernels, interleaveKernels];
  const code = encodeModule(parts.flatMap((kernels) => kernels()));
  if (wasm?.validate(code) === true) machine = new VectorMachine(wasm, code);
  else isMissing = true;
  return machine;
}
