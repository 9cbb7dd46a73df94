/**
 * A pass of a plan pixel by pixel: what a conversion is. The kernels of `vector` come to the same, to the bit, and so does
 * the kernel of a GPU (kernels/pixels-layout.h). This one runs where JavaScript has no vectors, and in the tests.
 */
import type { Pass, PassInput, PassOutput } from './conversion-plan.js';
import { elementBytesOf, sampleOf, sampleOfSum } from './output-sample.js';
import type { SourcePlane, TargetPlane } from './picture-planes.js';
import { TAP_BITS } from './resample-taps.js';

export class PlainPass {
  readonly #pass: Pass;

  constructor(pass: Pass) {
    this.#pass = pass;
  }

  run(source: readonly SourcePlane[], target: readonly TargetPlane[]): void {
    const { inputs, outputs, region, picture, transform } = this.#pass;
    const from = inputs.map(({ place }) => new PlaneView(source[place.plane]!));
    const to = outputs.map(({ place }) => new PlaneView(target[place.plane]!));
    const words = [0, 0, 0];
    for (let y = 0; y < region.height; y++) {
      for (let x = 0; x < region.width; x++) {
        const [column, row] = [x - picture.x, y - picture.y];
        const isPicture = column >= 0 && row >= 0 && column < picture.width && row < picture.height;
        for (let input = 0; isPicture && input < inputs.length; input++) {
          words[input] = inputWord(from[input]!, inputs[input]!, column, row);
        }
        outputs.forEach((output, index) => {
          let sample = sampleOf(output, output.padding);
          if (isPicture) {
            sample =
              transform === undefined
                ? sampleOf(output, words[index]!)
                : sampleOfSum(output, transformed(words, transform, index * 4));
          }
          to[index]!.store(output, region.x + x, region.y + y, sample);
        });
      }
    }
  }
}

/** The word of an input at a pixel of the picture: rows first, then columns. */
function inputWord(plane: PlaneView, input: PassInput, x: number, y: number): number {
  const { columns, rows, place } = input;
  const shift = place.bytesPerSample === 1 ? TAP_BITS - 8 : TAP_BITS;
  let sum = 1 << (TAP_BITS - 1);
  for (let column = 0; column < columns.taps; column++) {
    let word = (1 << shift) >> 1;
    for (let row = 0; row < rows.taps; row++) {
      const sample = plane.load(input, columns.first[x]! + column, rows.first[y]! + row);
      word = (word + Math.imul(sample, rows.weights[y * rows.taps + row]!)) | 0;
    }
    sum = (sum + Math.imul(word >> shift, columns.weights[x * columns.taps + column]!)) | 0;
  }
  return sum >> TAP_BITS;
}

/** `row`: where the four numbers of the output are. */
function transformed(words: readonly number[], transform: Int32Array, row: number): number {
  let sum = transform[row + 3]!;
  for (let input = 0; input < 3; input++) {
    sum = (sum + Math.imul(words[input]!, transform[row + input]!)) | 0;
  }
  return sum;
}

/** Samples of a plane, which need not be aligned. */
class PlaneView {
  readonly #view: DataView;
  readonly #pitchBytes: number;

  constructor({ bytes, pitchBytes }: SourcePlane | TargetPlane) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pitchBytes = pitchBytes;
  }

  load({ place }: PassInput, x: number, y: number): number {
    const { offset, step, bytesPerSample } = place;
    const at = y * this.#pitchBytes + (x * step + offset) * bytesPerSample;
    return bytesPerSample === 1 ? this.#view.getUint8(at) : this.#view.getUint16(at, true);
  }

  store(output: PassOutput, x: number, y: number, sample: number): void {
    const { offset, step } = output.place;
    const elementBytes = elementBytesOf(output);
    const at = y * this.#pitchBytes + (x * step + offset) * elementBytes;
    if (elementBytes === 1) this.#view.setUint8(at, sample);
    else if (elementBytes === 2) this.#view.setUint16(at, sample, true);
    else this.#view.setFloat32(at, sample, true);
  }
}
