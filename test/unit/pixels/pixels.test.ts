import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { video } from '../../../src/format/index.js';
import {
  checkNormalization,
  PictureConverter,
  placePicture,
  planFill,
  planPicture,
  planTensor,
  tensorSpec,
  type TensorTarget,
  toSourceBox,
} from '../../../src/pixels/index.js';
import { convert, emptyPicture, fromRaw, gray, samplesOf } from './picture-memory.js';

const TENSOR = { width: 4, height: 4, colors: 'rgb', layout: 'chw', dtype: 'f32' } as const;

function tensorOf(
  source: Parameters<typeof planTensor>[0],
  picture: ReturnType<typeof emptyPicture>,
  target: TensorTarget,
): Uint8Array {
  const size = { u8: 1, f16: 2, bf16: 2, f32: 4 }[target.dtype];
  const spec = tensorSpec(target);
  const bytes = new Uint8Array(spec.shape.reduce((count, length) => count * length, size));
  const rowElements = target.layout === 'hwc' ? target.width * 3 : target.width;
  const plan = planTensor(source, target);
  new PictureConverter(plan).run(picture, [{ bytes, pitchBytes: rowElements * size }]);
  return bytes;
}

describe('colours', () => {
  const one = (pixelFormat: 'nv12' | 'rgb24', raw: readonly number[], color?: object) => {
    const format = video({ width: 2, height: 2, pixelFormat, ...color });
    return { format, picture: fromRaw(format, Uint8Array.from(raw)) };
  };
  const rgb = video({ width: 2, height: 2, pixelFormat: 'rgb24' });
  const color = (matrix: string, range: 'limited' | 'full') => {
    const rest = { primaries: 'bt709', transfer: 'bt709', guessed: false };
    return { color: { matrix, range, ...rest } };
  };

  /** Y, U, V of pure red, by the formulas of ITU-T H.273. */
  for (const [matrix, range, yuv] of [
    ['bt601', 'limited', [81, 90, 240]],
    ['bt709', 'limited', [63, 102, 240]],
    ['bt2020nc', 'limited', [74, 97, 240]],
    ['bt601', 'full', [76, 85, 255]],
  ] as const) {
    it(`red is ${yuv.join(' ')} in ${matrix}, ${range}, and back`, () => {
      const yuvFormat = video({
        width: 2,
        height: 2,
        pixelFormat: 'nv12',
        ...color(matrix, range),
      });
      const red = one('rgb24', [255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0]);
      const made = convert(planPicture(red.format, yuvFormat), red.picture, yuvFormat);
      const [y, u, v] = yuv;
      assert.deepEqual(samplesOf(yuvFormat, made), [y, y, y, y, u, v]);
      const back = samplesOf(rgb, convert(planPicture(yuvFormat, rgb), made, rgb));
      for (let pixel = 0; pixel < 4; pixel++) {
        assert.ok(back[pixel * 3]! >= 252, `${back}`);
        assert.ok(back[pixel * 3 + 1]! <= 3 && back[pixel * 3 + 2]! <= 3, `${back}`);
      }
    });
  }

  it('of a matrix that is not known are refused by its name', () => {
    const { format } = one('nv12', [0, 0, 0, 0, 128, 128], color('ycgco', 'limited'));
    assert.throws(() => planPicture(format, rgb), { code: 'UNSUPPORTED', message: /'ycgco'/ });
  });

  it('of such a matrix stay what they are where nothing is done to them', () => {
    const { format, picture } = one('nv12', [1, 2, 3, 4, 128, 90], color('ycgco', 'limited'));
    const i420 = video({ ...format, pixelFormat: 'i420' });
    const made = convert(planPicture(format, i420), picture, i420);
    assert.deepEqual(samplesOf(i420, made), [1, 2, 3, 4, 128, 90]);
    // What is filled up has a colour.
    const wide = video({ ...i420, width: 4 });
    assert.throws(() => planPicture(format, wide), { code: 'UNSUPPORTED' });
  });

  it('fill a region of any shape, and nothing beside it', () => {
    const target = video({ width: 3, height: 9, pixelFormat: 'gray8' });
    for (const [x, y, width, height] of [
      [0, 0, 3, 3],
      [0, 2, 3, 5],
      [2, 4, 1, 1],
      [0, 0, 3, 9],
    ] as const) {
      const plan = planFill(target, [255, 255, 255], { x, y, width, height });
      const tight = [{ bytes: new Uint8Array(27), pitchBytes: 3 }];
      new PictureConverter(plan).run(gray(1, 1, [9]).picture, tight);
      const white = 235;
      const isInside = (at: number): boolean => {
        const [column, row] = [at % 3, Math.floor(at / 3)];
        return column >= x && column < x + width && row >= y && row < y + height;
      };
      assert.deepEqual(
        [...tight[0]!.bytes],
        Array.from(tight[0]!.bytes, (_, at) => (isInside(at) ? white : 0)),
      );
    }
  });

  it('outside of limited range are cut, not wrapped', () => {
    const { format, picture } = one('nv12', [255, 255, 0, 0, 128, 128], color('bt709', 'limited'));
    const made = samplesOf(rgb, convert(planPicture(format, rgb), picture, rgb));
    assert.deepEqual(made, [255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0]);
  });

  it('are darkened by a gain', () => {
    const white = one(
      'rgb24',
      Array.from({ length: 12 }, () => 255),
    );
    const made = convert(planPicture(white.format, rgb, { gain: 0.5 }), white.picture, rgb);
    assert.deepEqual(samplesOf(rgb, made)[0], 128);
  });

  it('get an opaque alpha', () => {
    const rgba = video({ width: 2, height: 2, pixelFormat: 'rgba' });
    const black = one(
      'rgb24',
      Array.from({ length: 12 }, () => 0),
    );
    const made = convert(planPicture(black.format, rgba), black.picture, rgba);
    assert.deepEqual(samplesOf(rgba, made).slice(0, 8), [0, 0, 0, 255, 0, 0, 0, 255]);
  });
});

describe('resizing', () => {
  /** Between pixel centres, in double precision. */
  function interpolated(values: readonly number[], outputs: number): number[] {
    return Array.from({ length: outputs }, (_, index) => {
      const at = ((index + 0.5) * values.length) / outputs - 0.5;
      const clamped = Math.min(values.length - 1, Math.max(0, at));
      const left = Math.min(values.length - 2, Math.floor(clamped));
      return values[left]! + (values[left + 1]! - values[left]!) * (clamped - left);
    });
  }

  for (const outputs of [3, 5, 7, 8, 13, 16, 31]) {
    it(`bilinear, 8 columns to ${outputs}, is what doubles make of it`, () => {
      const values = [0, 255, 13, 90, 200, 5, 77, 129];
      const { format, picture } = gray(8, 2, [...values, ...values]);
      const target = gray(outputs, 2, []).format;
      const plan = planPicture(format, target, { fit: 'stretch', filter: 'bilinear' });
      const made = samplesOf(target, convert(plan, picture, target)).slice(0, outputs);
      interpolated(values, outputs).forEach((value, index) => {
        assert.ok(Math.abs(made[index]! - value) <= 0.51, `${index}: ${made[index]} for ${value}`);
      });
    });
  }

  it('by area is the mean of what is covered', () => {
    const { format, picture } = gray(6, 3, [
      ...Array(6).fill(0),
      ...Array(6).fill(30),
      60,
      60,
      60,
      90,
      90,
      90,
    ]);
    const target = gray(2, 1, []).format;
    const plan = planPicture(format, target, { fit: 'stretch' });
    assert.deepEqual(samplesOf(target, convert(plan, picture, target)), [30, 40]);
  });

  it('takes a picture of one pixel', () => {
    const { format, picture } = gray(1, 1, [77]);
    const target = gray(3, 3, []).format;
    const made = samplesOf(target, convert(planPicture(format, target), picture, target));
    assert.deepEqual(made, Array(9).fill(77));
  });
});

describe('letterboxing', () => {
  it('keeps the shape and centres', () => {
    const size = { width: 1920, height: 1080 };
    const placement = placePicture(size, { width: 640, height: 640 }, 'letterbox');
    const third = 1 / 3;
    assert.deepEqual(placement, {
      ...{ x: 0, y: 140, width: 640, height: 360, scaleX: third, scaleY: third },
    });
    assert.deepEqual(toSourceBox({ x: 320, y: 320, width: 32, height: 32 }, placement), {
      ...{ x: 960, y: 540, width: 96, height: 96 },
    });
  });

  it('cuts boxes at the edges of the source', () => {
    const placement = placePicture(
      { width: 100, height: 50 },
      { width: 50, height: 50 },
      'letterbox',
    );
    const box = toSourceBox({ x: -10, y: 0, width: 100, height: 100 }, placement);
    assert.deepEqual(box, { x: 0, y: 0, width: 100, height: 50 });
  });

  it('starts at even pixels where chroma is halved', () => {
    const placement = placePicture(
      { width: 10, height: 10 },
      { width: 17, height: 10 },
      'letterbox',
      true,
    );
    assert.equal(placement.x, 2);
  });

  it('fills what is left with the padding, and nothing else', () => {
    const { format, picture } = gray(4, 2, [1, 2, 3, 4, 5, 6, 7, 8]);
    const target = gray(4, 4, []).format;
    const plan = planPicture(format, target, { padding: [255, 255, 255] });
    const white = 235;
    assert.deepEqual(samplesOf(target, convert(plan, picture, target)), [
      ...Array(4).fill(white),
      ...[1, 2, 3, 4, 5, 6, 7, 8],
      ...Array(4).fill(white),
    ]);
  });
});

describe('tensors', () => {
  const format = video({ width: 4, height: 2, pixelFormat: 'rgb24' });
  const raw = Uint8Array.from({ length: 24 }, (_, index) => index * 10);
  const picture = fromRaw(format, raw);

  it('have a plane a channel, normalised', () => {
    const mean = [0.5, 0.25, 0];
    const std = [0.5, 1, 2];
    const made = new Float32Array(tensorOf(format, picture, { ...TENSOR, mean, std }).buffer);
    for (let channel = 0; channel < 3; channel++) {
      for (let pixel = 0; pixel < 8; pixel++) {
        const value = (raw[pixel * 3 + channel]! / 255 - mean[channel]!) / std[channel]!;
        assert.equal(made[channel * 16 + 4 + pixel], Math.fround(value));
      }
      assert.equal(made[channel * 16], Math.fround((114 / 255 - mean[channel]!) / std[channel]!));
    }
  });

  it('have other orders: blue first, pixel by pixel', () => {
    const target = { ...TENSOR, colors: 'bgr', layout: 'hwc', dtype: 'u8' } as const;
    const made = tensorOf(format, picture, target);
    assert.deepEqual([...made.subarray(12, 18)], [20, 10, 0, 50, 40, 30]);
  });

  it('in f16 are the nearest to those in f32', () => {
    const made = new Uint16Array(tensorOf(format, picture, { ...TENSOR, dtype: 'f16' }).buffer);
    // 30 / 255 is 0.11764…, in f16 0x2f88; the red of the second pixel.
    assert.equal(made[5], 0x2f88);
  });

  it('say their shape', () => {
    assert.deepEqual(tensorSpec(TENSOR, 8), { dtype: 'f32', shape: [8, 3, 4, 4] });
    assert.deepEqual(tensorSpec({ ...TENSOR, layout: 'hwc' }).shape, [4, 4, 3]);
    assert.deepEqual(tensorSpec({ ...TENSOR, colors: 'gray' }).shape, [1, 4, 4]);
  });

  it('refuse a normalisation that does not fit', () => {
    assert.throws(() => checkNormalization({ ...TENSOR, mean: [1, 2] }), /1 or 3 numbers, got 2/);
    assert.throws(() => checkNormalization({ ...TENSOR, std: [0] }), /std .* above 0, got 0/);
    assert.throws(() => checkNormalization({ ...TENSOR, dtype: 'u8', mean: [0] }), TypeError);
  });
});

describe('what is given', () => {
  const format = video({ width: 4, height: 4, pixelFormat: 'nv12' });

  it('must be whole', () => {
    const converter = new PictureConverter(planPicture(format, format));
    const picture = emptyPicture(format);
    assert.throws(
      () => converter.run(picture.slice(0, 1), emptyPicture(format)),
      /2 planes, got 1/,
    );
    const short = picture.map((plane) => ({ ...plane, bytes: plane.bytes.subarray(0, 10) }));
    assert.throws(() => converter.run(short, emptyPicture(format)), /plane y must have 196 bytes/);
  });

  it('must have room for what is made, and nothing is written beside it', () => {
    const odd = video({ width: 5, height: 5, pixelFormat: 'i420' });
    const region = { x: 2, y: 2, width: 3, height: 3 };
    const converter = new PictureConverter(planPicture(format, odd, {}, region));
    const picture = emptyPicture(format);
    const cut = (plane: number, bytes: number) =>
      emptyPicture(odd).map(({ bytes: whole, pitchBytes }, index) => {
        return { bytes: index === plane ? whole.subarray(0, bytes) : whole, pitchBytes };
      });
    const { pitchBytes } = emptyPicture(odd)[0]!;
    converter.run(picture, cut(0, 4 * pitchBytes + 5));
    assert.throws(
      () => converter.run(picture, cut(0, 4 * pitchBytes + 4)),
      new RegExp(`plane 0 of the target must have ${4 * pitchBytes + 5} bytes`),
    );
    assert.throws(() => converter.run(picture, cut(2, 0)), /plane 2 of the target must have/);
    assert.throws(
      () => converter.run(picture, emptyPicture(odd).slice(0, 2)),
      /the target needs 3 planes, got 2/,
    );
    const narrow = emptyPicture(odd).map(({ bytes }) => ({ bytes, pitchBytes: 2 }));
    assert.throws(() => converter.run(picture, narrow), /must be at least 5, got 2/);
  });

  it('must make sense', () => {
    const options = (wrong: object) => () => planPicture(format, format, wrong);
    assert.throws(options({ fit: 'cover' }), TypeError);
    assert.throws(options({ padding: [1, 2] }), TypeError);
    assert.throws(options({ padding: [1, 2, 256] }), RangeError);
    assert.throws(options({ gain: 2 }), RangeError);
    assert.throws(options({ filtr: 'area' }), /no option 'filtr'/);
    const region = (x: number) => () =>
      planPicture(format, format, {}, { x, y: 0, width: 2, height: 2 });
    assert.throws(region(1), /even pixels, got 1,0/);
    assert.throws(region(4), RangeError);
  });
});
