/** The kernels against the plain passes, which say what a conversion is: equal to the bit, also beside the picture. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
const extra = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 }), fc.constant(200));
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
    const share = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
    const place = fc.tuple(share, share, share, share);
    const gain = fc.constantFrom(1, 1, 0.35);
    fc.assert(
      fc.property(picture, picture, place, filter, fit, gain, (from, to, at, by, as, dark) => {
        const given = formatOf(from.name, from.width, from.height, from.color);
        const wanted = formatOf(to.name, to.width, to.height, to.color);
        const even = (value: number): number => Math.floor(value / 2) * 2;
        const [x, y] = [even(at[0] * (to.width - 1)), even(at[1] * (to.height - 1))];
        const width = 1 + Math.floor(at[2] * (to.width - x - 1));
        const height = 1 + Math.floor(at[3] * (to.height - y - 1));
        const options = { filter: by, fit: as, gain: dark } as const;
        const plan = planPicture(given, wanted, options, { x, y, width, height });
        assertAlike(plan, memoryFor(given, from.wider, 1), memoryFor(wanted, to.wider, 2));
      }),
      { numRuns: RUNS },
    );
  });

  it('reduce by whole numbers as the plain passes do', () => {
    const step = fc.integer({ min: 2, max: 7 });
    const cell = fc.integer({ min: 1, max: 40 });
    const names = fc.constantFrom('nv12', 'i420', 'gray8', 'p010', 'rgb24');
    fc.assert(
      fc.property(names, names, step, cell, cell, extra, (from, to, by, w, h, wider) => {
        const colors = { range: 'limited', matrix: 'bt709' } as const;
        const given = formatOf(from, w * by, h * by, colors);
        const wanted = formatOf(to, w + 4, h + 2, colors);
        const region = { x: 2, y: 0, width: w, height: h };
        const plan = planPicture(given, wanted, { filter: 'bilinear', fit: 'stretch' }, region);
        assertAlike(plan, memoryFor(given, wider, 6), memoryFor(wanted, 0, 7));
      }),
      { numRuns: RUNS },
    );
  });

  it('change places as the plain passes do, where nothing is scaled', () => {
    const side = fc.record({ name: pixelFormat, wider: extra });
    fc.assert(
      fc.property(side, side, size, size, color, (one, other, w, h, as) => {
        const [given, wanted] = [formatOf(one.name, w, h, as), formatOf(other.name, w, h, as)];
        const plan = planPicture(given, wanted);
        assertAlike(plan, memoryFor(given, one.wider, 3), memoryFor(wanted, other.wider, 4));
      }),
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

  it('keep the tables of several converters apart, and grow their memory for larger pictures', () => {
    const converters = [8, 3000, 200].map((width) => {
      const given = formatOf('nv12', width, 6, { range: 'limited', matrix: 'bt709' });
      const wanted = video({ width: width + 5, height: 9, pixelFormat: 'rgb24' });
      const plan = planPicture(given, wanted, { fit: 'stretch' });
      const [source, plain] = [memoryFor(given, 1, width), memoryFor(wanted, 1, 0)];
      new PictureConverter(plan, 'plain').run(source, plain);
      return {
        converter: new PictureConverter(plan),
        source,
        plain,
        made: memoryFor(wanted, 1, 0),
      };
    });
    for (const at of [0, 1, 0, 2, 2, 1]) {
      const { converter, source, plain, made } = converters[at]!;
      converter.run(source, made);
      plain.forEach(({ bytes }, plane) => assert.deepEqual(made[plane]!.bytes, bytes));
      for (const row of [0, 5])
        made[0]!.bytes.fill(0, row * made[0]!.pitchBytes, row * made[0]!.pitchBytes + 9);
    }
  });

  it('are done without where there is no WebAssembly', () => {
    const pixels = new URL('../../../src/pixels/index.js', import.meta.url);
    const format = new URL('../../../src/format/index.js', import.meta.url);
    const program = `
      const { PictureConverter, planPicture } = await import('${pixels}');
      const { video } = await import('${format}');
      const size = { width: 2, height: 1 };
      const [from, to] = ['rgb24', 'bgr24'].map((pixelFormat) => video({ ...size, pixelFormat }));
      const bytes = Uint8Array.of(0, 0, 0, 0, 0, 0);
      const source = { bytes: Uint8Array.of(1, 2, 3, 4, 5, 6), pitchBytes: 6 };
      new PictureConverter(planPicture(from, to)).run([source], [{ bytes, pitchBytes: 6 }]);
      console.log(typeof WebAssembly, bytes.join(' '));`;
    const words = ['--jitless', '--input-type=module', '--eval', program];
    const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    assert.equal(stdout, 'undefined 3 2 1 6 5 4\n', stderr);
  });
});
