/**
 * Functions over one imported memory as a WebAssembly module in its binary format (specification 2.0, section 5.5).
 *
 * ```text
 *   \0asm · version 1 · types · import of the memory · functions · exports · code
 *   a section: id u8 · length · contents; lengths and counts in LEB128
 * ```
 */
import { type Code, i32, loop, sequence, unsigned } from './instructions.js';

type ValueType = 'i32' | 'v128';
const VALUE_TYPES = Object.freeze({ i32: 0x7f, v128: 0x7b });
const FUNCTION_TYPE = 0x60;
const MEMORY = 0x02;

/** A parameter or variable of a function. */
export class Local {
  readonly #index: Code;

  constructor(index: number) {
    this.#index = unsigned(index);
  }

  get get(): Code {
    return [0x20, ...this.#index];
  }

  set(value: Code): Code {
    return sequence(value, [0x21, ...this.#index]);
  }

  /** Moves an address. */
  advance(bytes: number): Code {
    return this.set(i32.add(this.get, i32.constant(bytes)));
  }
}

/** A function that returns nothing and takes numbers of 32 bits: addresses, counts, weights. */
export class KernelBuilder {
  readonly name: string;
  readonly parameters: readonly Local[];
  readonly #locals: ValueType[] = [];
  #body: Code = [];

  constructor(name: string, parameters: number) {
    this.name = name;
    this.parameters = Array.from({ length: parameters }, (_, index) => new Local(index));
  }

  number(): Local {
    return this.#local('i32');
  }

  vector(): Local {
    return this.#local('v128');
  }

  add(...code: readonly Code[]): void {
    this.#body = sequence(this.#body, ...code);
  }

  /** Adds `body` for every `step` of `count`, which is counted down; at least once. */
  repeat(count: Local, step: number, body: readonly Code[]): void {
    this.add(this.repeated(count, step, body));
  }

  /** As {@link repeat}, to stand in another body. */
  repeated(count: Local, step: number, body: readonly Code[]): Code {
    const counted = count.set(i32.subtract(count.get, i32.constant(step)));
    return loop([...body, counted], i32.greaterThan(count.get, i32.constant(0)));
  }

  /** Its entry in the section of code. */
  encode(): Code {
    const locals = this.#locals.map((type) => [...unsigned(1), VALUE_TYPES[type]]);
    const code = sequence(vector(locals), this.#body, [0x0b]);
    return sequence(unsigned(code.length), code);
  }

  #local(type: ValueType): Local {
    this.#locals.push(type);
    return new Local(this.parameters.length + this.#locals.length - 1);
  }
}

/** The module; its memory is the import `pixels.memory`. */
export function encodeModule(kernels: readonly KernelBuilder[]): Uint8Array {
  const types = kernels.map(({ parameters }) => {
    return [FUNCTION_TYPE, ...vector(parameters.map(() => [VALUE_TYPES.i32])), ...vector([])];
  });
  const memory = [...text('pixels'), ...text('memory'), MEMORY, 0, ...unsigned(0)];
  const sections: readonly (readonly [number, readonly Code[]])[] = [
    [1, types],
    [2, [memory]],
    [3, kernels.map((_, index) => unsigned(index))],
    [7, kernels.map(({ name }, index) => [...text(name), 0, ...unsigned(index)])],
    [10, kernels.map((kernel) => kernel.encode())],
  ];
  const encoded = sections.map(([id, entries]) => {
    const contents = vector(entries);
    return sequence([id], unsigned(contents.length), contents);
  });
  return Uint8Array.from(sequence([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], ...encoded));
}

function vector(entries: readonly Code[]): Code {
  return sequence(unsigned(entries.length), ...entries);
}

function text(name: string): Code {
  return vector([...name].map((letter) => [letter.charCodeAt(0)]));
}
