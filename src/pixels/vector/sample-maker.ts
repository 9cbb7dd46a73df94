/** From the words of the components to rows of the target: transformed or rounded, looked up, joined. */
import type { Pass, PassOutput } from '../conversion-plan.js';
import { sampleOf } from '../output-sample.js';
import { joinName } from './interleave-kernels.js';
import { packTransform, type StoredBits, transformName } from './sample-kernels.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { TargetRows } from './target-rows.js';
import type { Kernel, VectorMachine } from './vector-machine.js';

/** More than these are alpha, which is the same everywhere. */
const MOST_COLORS = 3;

export class SampleMaker {
  /** Where the row of each group of outputs is, once it is made. */
  readonly rows: number[];
  readonly #pass: Pass;
  readonly #targets: readonly TargetRows[];
  readonly #bits: StoredBits;
  readonly #isDirect: boolean;
  /** Where the samples of each output are made, of one component and as yet not looked up. */
  readonly #samples: number[];
  readonly #made: readonly number[];
  readonly #tables: readonly number[];
  readonly #transform: Kernel | undefined;
  readonly #factors: number;
  readonly #round: Kernel | undefined;
  readonly #lookUp: Kernel;
  readonly #joins: readonly (Kernel | undefined)[];

  constructor(
    machine: VectorMachine,
    layout: ScratchLayout,
    pass: Pass,
    targets: readonly TargetRows[],
    isDirect: boolean,
  ) {
    const { outputs, transform, picture } = pass;
    this.#pass = pass;
    this.#targets = targets;
    this.#isDirect = isDirect;
    this.rows = targets.map(({ address }) => address);
    this.#bits = bitsOf(outputs[0]!);
    this.#made = outputs.map((output, index) => {
      if (index >= MOST_COLORS) return layout.constant(opaqueRow(output, picture.width));
      const isLast = output.place.step === 1 && output.table === undefined;
      return isLast ? targets[index]!.address : layout.room(picture.width * 2);
    });
    this.#samples = [...this.#made];
    this.#tables = outputs.map(({ table }) => (table === undefined ? 0 : layout.constant(table)));
    this.#lookUp = machine.kernel(`lookup-${targets[0]!.elementBytes === 4 ? 4 : 2}`);
    this.#joins = targets.map(({ step, elementBytes }) => {
      const isJoined = step > 1 && outputs[0]!.table === undefined;
      return isJoined ? machine.kernel(joinName(step, elementBytes)) : undefined;
    });
    const colors = Math.min(outputs.length, MOST_COLORS);
    if (transform === undefined) {
      this.#factors = 0;
      this.#round = this.#bits === 16 ? undefined : machine.kernel(`round-${this.#bits}`);
    } else {
      this.#factors = layout.constant(packTransform(transform, colors, this.#bits));
      this.#transform = machine.kernel(transformName(this.#bits, colors));
    }
  }

  /** `words`: where the rows of the inputs are. */
  make(words: readonly number[]): void {
    if (this.#transform === undefined) this.#place(words);
    else this.#convert(this.#transform, words);
    for (let group = 0; group < this.#targets.length; group++) {
      this.rows[group] = this.#finish(this.#targets[group]!, this.#joins[group]);
    }
  }

  /** Output i is input i. */
  #place(words: readonly number[]): void {
    const round = this.#round;
    const { width } = this.#pass.picture;
    for (let index = 0; index < words.length; index++) {
      if (this.#isDirect || round === undefined) this.#samples[index] = words[index]!;
      else round(this.#made[index]!, words[index]!, width);
    }
  }

  #convert(transform: Kernel, words: readonly number[]): void {
    const [first, second, third] = this.#made as [number, number, number];
    const a = words[0]!;
    // What a pass has fewer of has no weight: another row is read in its place.
    const b = words.length > 1 ? words[1]! : a;
    const c = words.length > 2 ? words[2]! : a;
    const { width } = this.#pass.picture;
    const outputs = this.#made.length;
    if (outputs === 1) transform(first, a, b, c, this.#factors, width);
    else if (outputs === 2) transform(first, second, a, b, c, this.#factors, width);
    else transform(first, second, third, a, b, c, this.#factors, width);
  }

  /** Says where the row is. */
  #finish({ address, step, elementBytes, members }: TargetRows, join: Kernel | undefined): number {
    const { width } = this.#pass.picture;
    const samples = this.#samples;
    if (join !== undefined) {
      const [a, b, c, d] = members as [number, number, number, number];
      if (step === 2) join(address, samples[a]!, samples[b]!, width);
      else if (step === 3) join(address, samples[a]!, samples[b]!, samples[c]!, width);
      else join(address, samples[a]!, samples[b]!, samples[c]!, samples[d]!, width);
      return address;
    }
    if (this.#pass.outputs[members[0]!]!.table === undefined) return samples[members[0]!]!;
    const stride = step * elementBytes;
    for (let index = 0; index < members.length; index++) {
      const output = members[index]!;
      const start = address + index * elementBytes;
      this.#lookUp(start, samples[output]!, this.#tables[output]!, stride, width);
    }
    return address;
  }
}

function bitsOf({ precision }: PassOutput): StoredBits {
  return precision === 'table' ? 8 : precision;
}

function opaqueRow(output: PassOutput, width: number): Uint8Array {
  return new Uint8Array(width).fill(sampleOf(output, output.padding));
}
