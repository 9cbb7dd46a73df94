/** The kernels against the plain passes, which say what a conversion is: equal to the bit, also beside the picture. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type PixelFormat,
  video,
  type VideoFormat,
  videoPlanes,
} from '../../../src/format/index.js';
import {
  type ConversionPlan,
  PictureConverter,
  planPicture,
  planTensor,
  TENSOR_COLORS,
  TENSOR_DTYPES,
  TENSOR_LAYOUTS,
  tensorSpec,
} from '../../../src/pixels/index.js';
import type { PicturePlane } from './picture-memory.js';

const FORMATS: readonly PixelFormat[] = [
  ...(['nv12', 'p010', 'i420', 'rgb24', 'bgr24', 'rgba', 'bgra', 'gray8', 'gray16'] as const),
];
const RUNS = 400;

const pixelFormat = fc.constantFrom(...FORMATS);
const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 90 }));
const extra = fc.integer({ min: 0, max: 5 });
const filter = fc.constantFrom('auto', 'bilinear', 'area');
const fit = fc.constantFrom('letterbox', 'stretch');
const range = fc.constantFrom('limited', 'full');
const matrix = fc.constantFrom('bt601', 'bt709', 'bt2020nc');
const color = fc.record({ range, matrix });

function formatOf(
  name: PixelFormat,
  width: number,
  height: number,
  given: { readonly range: 'limited' | 'full'; readonly matrix: string },
): VideoFormat {
  const isRgb = /^(rgb|bgr)/.test(name);
  const rest = { primaries: 'bt709', transfer: 'bt709', guessed: false };
  const whole = { ...given, ...rest, matrix: isRgb ? 'rgb' : given.matrix };
  return video({ width, height, pixelFormat: name, color: whole });
}

/** Noise with the extremes in it, in rows that are `wider` pixels longer than they must be. */
function memoryFor(format: VideoFormat, wider: number, seed: number): PicturePlane[] {
  let state = seed;
  return videoPlanes(format).map(({ rowBytes, bytesPerSample, height }) => {
    const pitchBytes = rowBytes + wider * bytesPerSample;
    const bytes = Uint8Array.from({ length: pitchBytes * height }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const noise = state >>> 24;
      return noise < 40 ? 0 : noise > 215 ? 255 : noise;
    });
    return { bytes, pitchBytes };
  });
}

function assertAlike(
  plan: ConversionPlan,
  source: readonly PicturePlane[],
  target: readonly PicturePlane[],
): void {
  const [fast, plain] = [0, 1].map(() =>
    target.map(({ bytes, pitchBytes }) => ({ bytes: bytes.slice(), pitchBytes })),
  ) as [PicturePlane[], PicturePlane[]];
  new PictureConverter(plan).run(source, fast);
  new PictureConverter(plan, 'plain').run(source, plain);
  plain.forEach(({ bytes }, plane) => {
    const at = bytes.findIndex((byte, index) => byte !== fast[plane]!.bytes[index]);
    assert.equal(at, -1, `plane ${plane}, byte ${at}: ${fast[plane]!.bytes[at]}, not ${bytes[at]}`);
  });
}

describe('kernels', () => {
  it('make the pictures that the plain passes make, of any format, size, region and pitch', () => {
    const picture = fc.record({
      ...{ name: pixelFormat, width: size, height: size, color, wider: extra },
    });
    const place = fc.tuple(
      ...Array.from({ length: 4 }, () => fc.double({ min: 0, max: 1, noNaN: true })),
    );
    const gain = fc.constantFrom(1, 1, 0.35);
    fc.assert(
      fc.property(picture, picture, place, filter, fit, gain, (from, to, at, by, as, dark) => {
        const given = formatOf(from.name, from.width, from.height, from.color);
        const wanted = formatOf(to.name, to.width, to.height, to.color);
        const even = (value: number): number => Math.floor(value / 2) * 2;
        const [x, y] = [even(at[0]! * (to.width - 1)), even(at[1]! * (to.height - 1))];
        const width = 1 + Math.floor(at[2]! * (to.width - x - 1));
        const height = 1 + Math.floor(at[3]! * (to.height - y - 1));
        const options = { filter: by, fit: as, gain: dark } as const;
        const plan = planPicture(given, wanted, options, { x, y, width, height });
        assertAlike(plan, memoryFor(given, from.wider, 1), memoryFor(wanted, to.wider, 2));
      }),
      { numRuns: RUNS },
    );
  });

  it('change places as the plain passes do, where nothing is scaled', () => {
    fc.assert(
      fc.property(
        pixelFormat,
        pixelFormat,
        size,
        size,
        extra,
        color,
        (one, other, w, h, wider, as) => {
          const [given, wanted] = [formatOf(one, w, h, as), formatOf(other, w, h, as)];
          const plan = planPicture(given, wanted);
          assertAlike(plan, memoryFor(given, wider, 3), memoryFor(wanted, wider, 4));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('make the same tensors', () => {
    const tensor = fc.record({
      ...{ width: size, height: size, colors: fc.constantFrom(...TENSOR_COLORS) },
      ...{ layout: fc.constantFrom(...TENSOR_LAYOUTS), dtype: fc.constantFrom(...TENSOR_DTYPES) },
    });
    fc.assert(
      fc.property(
        pixelFormat,
        size,
        size,
        extra,
        tensor,
        filter,
        fit,
        (name, w, h, wider, to, by, as) => {
          const given = formatOf(name, w, h, { range: 'limited', matrix: 'bt709' });
          const { shape } = tensorSpec(to);
          const elementBytes = { u8: 1, f16: 2, bf16: 2, f32: 4 }[to.dtype];
          const bytes = new Uint8Array(shape.reduce((all, length) => all * length, elementBytes));
          const pitchBytes =
            (to.layout === 'hwc' ? shape[1]! * shape[2]! : to.width) * elementBytes;
          const plan = planTensor(given, to, { filter: by, fit: as });
          assertAlike(plan, memoryFor(given, wider, 5), [{ bytes, pitchBytes }]);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
