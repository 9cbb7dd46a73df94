/**
 * Where the rows and tables of one pass are in the memory of the kernels. Kernels work on whole vectors, so they read and
 * write behind the end of a row; each has some room for that.
 */
import type { VectorMachine } from './vector-machine.js';

/** At most what a kernel takes at once: sixteen pixels of four bytes, or eight of four words; and a vector more. */
const SLACK_BYTES = 128;
const ALIGNMENT = 64;

export class ScratchLayout {
  readonly #constants: { readonly address: number; readonly bytes: Uint8Array }[] = [];
  #end = 0;

  /** Room for so many bytes. */
  room(byteLength: number): number {
    const address = this.#end;
    this.#end += Math.ceil((byteLength + SLACK_BYTES) / ALIGNMENT) * ALIGNMENT;
    return address;
  }

  /** Room that holds `table` whenever the pass runs. Arrays that are given twice stand there once. */
  constant(table: ArrayBufferView): number {
    const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
    const known = this.#constants.find((entry) => isSameMemory(entry.bytes, bytes));
    if (known !== undefined) return known.address;
    const address = this.room(bytes.byteLength);
    this.#constants.push({ address, bytes });
    return address;
  }

  /** Makes the memory large enough and writes the tables, unless this pass was the last to run. */
  occupy(machine: VectorMachine): void {
    if (machine.tenant === this) return;
    machine.reserve(this.#end);
    for (const { address, bytes } of this.#constants) machine.bytes.set(bytes, address);
    machine.tenant = this;
  }
}

function isSameMemory(one: Uint8Array, other: Uint8Array): boolean {
  return (
    one.buffer === other.buffer &&
    one.byteOffset === other.byteOffset &&
    one.byteLength === other.byteLength
  );
}
