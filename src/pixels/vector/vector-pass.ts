/**
 * A pass of a plan by the kernels, row by row.
 *
 * ```text
 *   rows of a plane ─ blend, widen ─▶ split ─▶ double, pairs, fours, chunks ─▶ words of a component in the target's size
 *   rows of a plane ─ reduce ─────────────────────────────────────────────────▶ the same, by a whole number
 *   words of all components ─ transform, round ─▶ samples ─ look up, join ─▶ a row of the target
 * ```
 *
 * Where samples of 8 bits only change their places, they stay bytes.
 */
import type { VideoPlane } from '../../format/index.js';
import type { Pass, PassInput } from '../conversion-plan.js';
import type { SourcePlane, TargetPlane } from '../picture-planes.js';
import { ColumnFilter } from './column-filter.js';
import { ReducedRows, reductionOf } from './reduced-rows.js';
import { isRowCopy, RowCopy } from './row-copy.js';
import { SampleMaker } from './sample-maker.js';
import { ScratchLayout } from './scratch-layout.js';
import { SourceRows } from './source-rows.js';
import { TargetRows } from './target-rows.js';
import type { VectorMachine } from './vector-machine.js';

export class VectorPass {
  readonly #copies: readonly RowCopy[];
  readonly #made: MadeRows | undefined;

  constructor(pass: Pass, sourcePlanes: readonly VideoPlane[], machine: VectorMachine) {
    const isDirect = staysBytes(pass);
    const groups = groupsOf(pass);
    const copied = isDirect ? groups.filter((members) => isRowCopy(pass, members)) : [];
    this.#copies = copied.map(([first]) => new RowCopy(pass, first!));
    const rest = groups.filter((members) => !copied.includes(members));
    if (rest.length === 0) return;
    this.#made = new MadeRows(withOutputs(pass, rest.flat()), sourcePlanes, machine, isDirect);
  }

  run(source: readonly SourcePlane[], target: readonly TargetPlane[]): void {
    for (const copy of this.#copies) copy.run(source, target);
    this.#made?.run(source, target);
  }
}

/** The pass with these outputs only. Where nothing is transformed, each has an input of its own. */
function withOutputs(pass: Pass, kept: readonly number[]): Pass {
  if (pass.transform !== undefined) return pass;
  const some = <T>(all: readonly T[]): readonly T[] =>
    all.filter((_, index) => kept.includes(index));
  return { ...pass, inputs: some(pass.inputs), outputs: some(pass.outputs) };
}

/** Rows that go through the kernels. */
class MadeRows {
  readonly #pass: Pass;
  readonly #machine: VectorMachine;
  readonly #layout = new ScratchLayout();
  /** By plane; undefined for one that no output is made of. */
  readonly #planes: readonly (SourceRows | ReducedRows | undefined)[];
  /** By input; undefined where the rows come filtered. */
  readonly #filters: readonly (ColumnFilter | undefined)[];
  readonly #maker: SampleMaker;
  readonly #targets: readonly TargetRows[];
  /** Where the rows of the inputs are. */
  readonly #words: number[];

  constructor(
    pass: Pass,
    sourcePlanes: readonly VideoPlane[],
    machine: VectorMachine,
    isDirect: boolean,
  ) {
    this.#pass = pass;
    this.#machine = machine;
    const layout = this.#layout;
    this.#targets = groupsOf(pass).map((members) => new TargetRows(machine, layout, pass, members));
    this.#planes = sourcePlanes.map((plane, index) => {
      const input = pass.inputs.find(({ place }) => place.plane === index);
      if (input === undefined) return undefined;
      const step = reductionOf(plane, input);
      return step === undefined
        ? new SourceRows(machine, layout, plane, input.rows, isDirect)
        : new ReducedRows(machine, layout, plane, input, step);
    });
    this.#filters = pass.inputs.map(({ place, columns }) => {
      const isReduced = this.#planes[place.plane] instanceof ReducedRows;
      return isReduced ? undefined : new ColumnFilter(machine, layout, columns);
    });
    this.#words = pass.inputs.map(() => 0);
    this.#maker = new SampleMaker(machine, layout, pass, this.#targets, isDirect);
  }

  run(source: readonly SourcePlane[], target: readonly TargetPlane[]): void {
    this.#layout.occupy(this.#machine);
    this.#planes.forEach((plane, index) => plane?.begin(source[index]!));
    for (const rows of this.#targets) rows.begin(target);
    const { region, picture } = this.#pass;
    const end = picture.y + picture.height;
    for (const rows of this.#targets) {
      rows.pad(0, picture.y);
      rows.pad(end, region.height);
    }
    for (let row = 0; row < picture.height; row++) this.#make(row, picture.y + row);
  }

  #make(row: number, y: number): void {
    for (const plane of this.#planes) plane?.select(row);
    const { inputs } = this.#pass;
    for (let index = 0; index < inputs.length; index++) {
      const { plane, offset } = inputs[index]!.place;
      const words = this.#planes[plane]!.parts[offset]!;
      this.#words[index] = this.#filters[index]?.run(words) ?? words;
    }
    this.#maker.make(this.#words);
    for (let index = 0; index < this.#targets.length; index++) {
      this.#targets[index]!.store(y, this.#maker.rows[index]!);
    }
  }
}

/** Whether samples of 8 bits are copied, or looked up, without anything else. */
function staysBytes({ transform, inputs, outputs }: Pass): boolean {
  const isCopied = ({ place, rows, columns }: PassInput): boolean =>
    place.bytesPerSample === 1 && rows.identity && columns.identity;
  const isByte = outputs.every(({ precision }) => precision === 8 || precision === 'table');
  return transform === undefined && isByte && inputs.every(isCopied);
}

/** Which outputs lie in one row, in turn. */
function groupsOf({ outputs }: Pass): readonly (readonly number[])[] {
  const all = outputs.map((_, index) => index);
  if (outputs[0]!.place.step === 1) return all.map((index) => [index]);
  return [all.sort((a, b) => outputs[a]!.place.offset - outputs[b]!.place.offset)];
}
