/** Carries out a plan on the processor, row by row. Everything it needs is made once. */
import type { ReadonlyBytes } from '../core/index.js';
import { type VideoPlane, videoPlanes } from '../format/index.js';
import type { ConversionPlan, Pass, PassOutput, Precision } from './conversion-plan.js';
import { type RowTarget, sampleOf, type Words, writeBytes, writeOne } from './row-writer.js';
import { type WritableSamples, writeTables, writeWords } from './row-writer.js';
import { PlaneRows, type Samples } from './plane-rows.js';
import { RowResampler } from './row-resampler.js';
import type { ValueTable } from './tensor-target.js';
import { VectorPass } from './vector/vector-pass.js';
import { type VectorMachine, vectorMachine } from './vector/vector-machine.js';

/** A plane of a picture that is read. */
export interface SourcePlane {
  readonly bytes: ReadonlyBytes;
  readonly pitchBytes: number;
}

/** A plane of a picture, or the memory of a tensor, that is written. */
export interface TargetPlane {
  readonly bytes: Uint8Array;
  readonly pitchBytes: number;
}

/** One at a time: a converter keeps rows between the steps of a frame. */
export class PictureConverter {
  readonly plan: ConversionPlan;
  readonly #sourcePlanes: readonly VideoPlane[];
  readonly #passes: readonly (PassRunner | VectorPass)[];

  constructor(plan: ConversionPlan, machine: VectorMachine | 'plain' = vectorMachine() ?? 'plain') {
    this.plan = plan;
    this.#sourcePlanes = videoPlanes(plan.source);
    this.#passes = plan.passes.map((pass) => machine === 'plain' ? new PassRunner(pass, this.#sourcePlanes) : new VectorPass(pass, this.#sourcePlanes, machine));
  }

  /**
   * Converts a picture. The planes of the source are those of its format, as long as the format says; of a tensor
   * target there is one, whose pitch is the bytes of a row.
   */
  run(source: readonly SourcePlane[], target: readonly TargetPlane[]): void {
    const needed = this.#sourcePlanes;
    if (source.length !== needed.length) {
      throw new RangeError(
        `a picture of ${this.plan.source.pixelFormat} has ${needed.length} planes, got ${source.length}`,
      );
    }
    const samples = source.map((plane, index) => sourceSamples(plane, needed[index]!));
    for (const pass of this.#passes) { if (pass instanceof VectorPass) pass.run(source, target); else pass.run(source, samples, target); }
  }
}

class PassRunner {
  readonly #pass: Pass;
  readonly #planes: readonly (PlaneRows | undefined)[];
  readonly #resamplers: readonly RowResampler[];
  readonly #zeros: Uint16Array;
  readonly #words: [Uint16Array, Uint16Array, Uint16Array];
  readonly #targets: { samples: WritableSamples; start: number }[] = [];
  readonly #tables: readonly ValueTable[];
  /** Three outputs that are written at once. */
  readonly #kind: 'bytes' | 'tables' | 'each';

  constructor(pass: Pass, sourcePlanes: readonly VideoPlane[]) {
    this.#pass = pass;
    // The components of a plane have one filter of rows, which is applied to them together.
    this.#planes = sourcePlanes.map(({ width, channels, bytesPerSample }, plane) => {
      const input = pass.inputs.find(({ place }) => place.plane === plane);
      return input && new PlaneRows(input.rows, width * channels, bytesPerSample);
    });
    this.#resamplers = pass.inputs.map(
      (input) => new RowResampler(input, this.#planes[input.place.plane]!),
    );
    this.#zeros = new Uint16Array(pass.picture.width);
    this.#words = [this.#zeros, this.#zeros, this.#zeros];
    this.#tables = pass.outputs.flatMap(({ table }) => (table === undefined ? [] : [table]));
    const all = (precision: Precision): boolean =>
      pass.outputs.length >= 3 && pass.outputs.slice(0, 3).every((o) => o.precision === precision);
    const planar = pass.outputs.every(({ place }) => place.step === pass.outputs[0]!.place.step);
    if (pass.transform === undefined || !planar) this.#kind = 'each';
    else this.#kind = all(8) ? 'bytes' : all('table') ? 'tables' : 'each';
  }

  run(
    source: readonly SourcePlane[],
    samples: readonly Samples[],
    target: readonly TargetPlane[],
  ): void {
    const { outputs, region, picture } = this.#pass;
    this.#planes.forEach((plane, index) => {
      plane?.begin(samples[index]!, source[index]!.pitchBytes / plane.bytesPerSample);
    });
    const arrays = outputs.map((output) => targetSamples(target, output));
    const pitches = outputs.map(({ place }, index) => {
      return target[place.plane]!.pitchBytes / arrays[index]!.BYTES_PER_ELEMENT;
    });
    outputs.forEach((_, index) => (this.#targets[index] = { samples: arrays[index]!, start: 0 }));
    for (let y = 0; y < region.height; y++) {
      const top = region.y + y;
      outputs.forEach(({ place }, index) => {
        this.#targets[index]!.start = place.offset + top * pitches[index]! + region.x * place.step;
      });
      const row = y - picture.y;
      if (row < 0 || row >= picture.height) this.#pad(0, region.width);
      else {
        this.#pad(0, picture.x);
        this.#pad(picture.x + picture.width, region.width);
        this.#write(row);
      }
    }
  }

  #write(row: number): void {
    const { outputs, picture, transform } = this.#pass;
    const words = this.#words;
    for (let index = 0; index < this.#resamplers.length; index++) {
      words[index] = this.#resamplers[index]!.row(row);
    }
    const targets = this.#targets;
    for (let index = 0; index < targets.length; index++) {
      targets[index]!.start += picture.x * outputs[index]!.place.step;
    }
    if (transform === undefined) {
      outputs.forEach((output, index) => writeWords(words[index]!, output, targets[index]!));
      return;
    }
    this.#transform(words, transform, targets);
  }

  #transform(words: Words, transform: Int32Array, targets: readonly RowTarget[]): void {
    const { outputs } = this.#pass;
    const { step } = outputs[0]!.place;
    let first = 3;
    if (this.#kind === 'bytes') writeBytes(words, transform, step, targets);
    else if (this.#kind === 'tables') {
      writeTables(words, transform, step, this.#tables, targets);
    } else first = 0;
    for (let index = first; index < outputs.length; index++) {
      writeOne(words, transform, index * 4, outputs[index]!, targets[index]!);
    }
  }

  /** Pixels `from` to `end` (excluded) of the row. */
  #pad(from: number, end: number): void {
    const { outputs } = this.#pass;
    for (let index = 0; index < outputs.length && from < end; index++) {
      const output = outputs[index]!;
      const { samples, start } = this.#targets[index]!;
      const { step } = output.place;
      const sample = sampleOf(output, output.padding);
      if (step === 1) samples.fill(sample, start + from, start + end);
      else for (let x = from; x < end; x++) samples[start + x * step] = sample;
    }
  }
}

function sourceSamples({ bytes, pitchBytes }: SourcePlane, plane: VideoPlane): Samples {
  const { bytesPerSample, rowBytes, height, name } = plane;
  const neededBytes = pitchBytes * (height - 1) + rowBytes;
  if (pitchBytes < rowBytes || pitchBytes % bytesPerSample !== 0) {
    throw new RangeError(`the pitch of ${name} must be at least ${rowBytes}, got ${pitchBytes}`);
  }
  if (bytes.byteLength < neededBytes) {
    throw new RangeError(`plane ${name} must have ${neededBytes} bytes, got ${bytes.byteLength}`);
  }
  if (bytesPerSample === 1) return bytes;
  const length = Math.floor(bytes.byteLength / 2);
  return new Uint16Array(bytes.buffer, bytes.byteOffset, length);
}

function targetSamples(
  target: readonly TargetPlane[],
  { place, precision, table }: PassOutput,
): WritableSamples {
  const { bytes } = target[place.plane]!;
  const { buffer, byteOffset, byteLength } = bytes;
  if (table instanceof Float32Array) return new Float32Array(buffer, byteOffset, byteLength >> 2);
  if (precision === 8) return new Uint8ClampedArray(buffer, byteOffset, byteLength);
  return new Uint16Array(buffer, byteOffset, byteLength >> 1);
}
