import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  audio,
  bytes,
  completeFormat,
  formatPattern,
  guessColor,
  isCompleteFormat,
  json,
  packets,
  type PixelFormat,
  type StandardSchema,
  tensor,
  tensors,
  text,
  video,
} from '../../../src/format/index.js';
import type { TensorSpec } from '../../../src/tensor/index.js';

const anySchema: StandardSchema<number> = {
  '~standard': { validate: (value) => ({ value: value as number }) },
};
const untyped = <T>(value: unknown): T => value as T;

describe('the noun functions', () => {
  it('state a format in full or in part', () => {
    assert.deepEqual(video({ pixelFormat: 'nv12' }), { kind: 'video', pixelFormat: 'nv12' });
    assert.deepEqual(video(), { kind: 'video' });
    assert.deepEqual({ ...tensor('f32', [3]).tensors }, { data: { dtype: 'f32', shape: [3] } });
    assert.deepEqual({ ...tensor('u8', [3, 0]).tensors.data }, { dtype: 'u8', shape: [3, 0] });
    assert.equal(tensor('u8', [9], { variable: true }).tensors.data.variable, true);
    assert.deepEqual(tensors(), { kind: 'tensor' });
    const sound = { sampleRateHz: 48000, channels: 2, dtype: 'f32', maxSamples: 960 } as const;
    assert.deepEqual(audio(sound), { kind: 'audio', ...sound });
    assert.deepEqual(audio({ channels: 1 }), { kind: 'audio', channels: 1 });
    assert.deepEqual(text(), { kind: 'text' });
    assert.deepEqual(bytes(), { kind: 'bytes' });
    assert.deepEqual(bytes('image/png'), { kind: 'bytes', mediaType: 'image/png' });
    assert.deepEqual(json(), { kind: 'json' });
    assert.equal(json(anySchema).schema, anySchema);
    assert.deepEqual(packets(), { kind: 'packet' });
    assert.deepEqual(packets({ codec: 'av1' }), { kind: 'packet', codec: 'av1' });
  });

  it('take an undefined field as one left out', () => {
    const wide = video(untyped({ width: 64, height: undefined }));
    assert.deepEqual(wide, { kind: 'video', width: 64 });
    assert.deepEqual(bytes(undefined), { kind: 'bytes' });
  });

  it('keep the order and the strides of tensors', () => {
    const format = tensors({
      z: { dtype: 'f32', shape: [2, 3], strides: [16, 1] },
      a: { dtype: 'u8', shape: [1], variable: false },
    });
    assert.deepEqual(Object.keys(format.tensors), ['z', 'a']);
    assert.deepEqual(format.tensors.z.strides, [16, 1]);
    assert.ok(!('variable' in format.tensors.a));
  });

  it('return what cannot change, whatever happens to the arguments', () => {
    const shape = [2, 3];
    const format = tensor('f32', shape);
    shape[0] = 99;
    assert.deepEqual(format.tensors.data.shape, [2, 3]);
    const color = {
      matrix: 'bt2020nc',
      primaries: 'bt2020',
      transfer: 'smpte2084',
      guessed: false,
    };
    const picture = video({
      width: 2,
      height: 2,
      pixelFormat: 'p010',
      color: { ...color, range: 'limited' },
    });
    for (const part of [
      format,
      format.tensors,
      format.tensors.data,
      format.tensors.data.shape,
      picture,
      picture.color!,
      text(),
    ]) {
      assert.ok(Object.isFrozen(part));
    }
  });

  it('let tensors be called like members of Object', () => {
    const named = JSON.parse('{"__proto__":{"dtype":"u8","shape":[1]}}') as object;
    const format = tensors(untyped<Record<'__proto__', never>>(named));
    assert.deepEqual(Object.keys(format.tensors), ['__proto__']);
    assert.equal((format.tensors as Record<string, unknown>)['constructor'], undefined);
  });
});

describe('a wrong argument', () => {
  const complete = { width: 64, height: 64, pixelFormat: 'nv12' } as const;
  const cases: readonly [string, () => unknown, RegExp][] = [
    [
      'width 0',
      () => video({ ...complete, width: 0 }),
      /^RangeError: video\(\): width must be an integer from 1 to 16384, got 0$/,
    ],
    [
      'height 16385',
      () => video({ height: 16385 }),
      /^RangeError: video\(\): height must be .* got 16385$/,
    ],
    ['width NaN', () => video({ width: NaN }), /^RangeError: video\(\): width .* got NaN$/],
    [
      'width as text',
      () => video({ width: untyped('64') }),
      /^TypeError: video\(\): width must be an integer, got "64"$/,
    ],
    [
      'pixel format',
      () => video({ pixelFormat: untyped('yuv') }),
      /^TypeError: video\(\): pixelFormat must be 'nv12' or .* got "yuv"$/,
    ],
    [
      'unknown field',
      () => video(untyped({ fps: 25 })),
      /^TypeError: video\(\) has no option 'fps'; it has kind, width/,
    ],
    ['null', () => video(untyped(null)), /^TypeError: video\(\) takes an object, got null$/],
    [
      'colour',
      () => video({ color: untyped({ matrix: 'BT 709' }) }),
      /^RangeError: video\(\): color\.matrix must be/,
    ],
    [
      'colour range',
      () =>
        video({ color: untyped({ matrix: 'rgb', primaries: 'a', transfer: 'b', range: 'tv' }) }),
      /^TypeError: video\(\): color\.range must be 'limited' or 'full', got "tv"$/,
    ],
    [
      'dtype',
      () => tensor(untyped('f8'), [1]),
      /^TypeError: tensor\(\): tensor\.dtype must be 'bool'/,
    ],
    [
      'shape',
      () => tensor('f32', [1, -2]),
      /^RangeError: tensor\(\): tensor\.shape\[1\] must be an integer from 0/,
    ],
    ['no shape', () => tensor('f32', untyped(undefined)), /^TypeError: tensor\(\): tensor\.shape/],
    [
      'tensor option',
      () => tensor('f32', [1], untyped({ varable: true })),
      /^TypeError: tensor\(\) has no option 'varable'/,
    ],
    [
      'no tensors',
      () => tensors({}),
      /^RangeError: tensors\(\): number of tensors must be from 1 to 16, got 0$/,
    ],
    [
      'tensor name',
      () => tensors({ 'a b': { dtype: 'u8', shape: [1] } }),
      /^RangeError: tensors\(\): a name in tensors/,
    ],
    [
      'tensor field',
      () => tensors({ a: untyped<TensorSpec>({ dtype: 'u8', shape: [1], stride: [1] }) }),
      /^TypeError: tensors\(\): a has no option 'stride'/,
    ],
    ['sample rate', () => audio({ sampleRateHz: 0 }), /^RangeError: audio\(\): sampleRateHz/],
    [
      'sample type',
      () => audio({ dtype: untyped('f64') }),
      /^TypeError: audio\(\): dtype must be 'i16' or 'f32'/,
    ],
    ['media type', () => bytes('png'), /^RangeError: bytes\(\): mediaType must be a media type/],
    ['long media type', () => bytes(`a/${'b'.repeat(200)}`), /^RangeError: bytes\(\): mediaType/],
    [
      'media type with escape',
      () => bytes('a/b\u001b[2J'),
      /^RangeError: bytes\(\): mediaType .*\\e\[2J|\\u001b/,
    ],
    [
      'schema',
      () => json(untyped<StandardSchema<1>>({ parse: () => 1 })),
      /^TypeError: json\(\): schema must be a Standard Schema/,
    ],
    [
      'codec',
      () => packets({ codec: untyped('vp9') }),
      /^TypeError: packets\(\): codec must be 'h264' or .* got "vp9"$/,
    ],
  ];
  for (const [name, attempt, message] of cases) {
    it(`is named with its value and its range: ${name}`, () => {
      assert.throws(attempt, (error) => {
        assert.match(String(error), message);
        return true;
      });
    });
  }
});

describe('colour that nobody stated', () => {
  const colorOf = (pixelFormat: PixelFormat, height: number): string => {
    const { color } = video({ width: 64, height, pixelFormat });
    assert.ok(color?.guessed);
    return `${color.matrix} ${color.range}`;
  };

  it('is guessed by the lines, and says so', () => {
    assert.equal(colorOf('nv12', 719), 'bt601 limited');
    assert.equal(colorOf('nv12', 720), 'bt709 limited');
    assert.equal(colorOf('gray8', 480), 'bt601 limited');
    assert.equal(colorOf('bgra', 480), 'rgb full');
  });

  it('is not guessed for a pattern, nor where it was stated', () => {
    assert.equal(video({ pixelFormat: 'nv12', width: 64 }).color, undefined);
    const color = { ...guessColor('nv12', 480), range: 'full', guessed: false } as const;
    assert.deepEqual(video({ width: 64, height: 64, pixelFormat: 'nv12', color }).color, color);
  });
});

describe('formats written by hand', () => {
  it('are checked, completed and frozen for a publisher', () => {
    const format = completeFormat({ kind: 'video', width: 64, height: 720, pixelFormat: 'nv12' });
    assert.deepEqual(format, video({ width: 64, height: 720, pixelFormat: 'nv12' }));
    assert.ok(Object.isFrozen(format));
    assert.equal(completeFormat(json(anySchema)).kind, 'json');
    assert.equal(untyped<{ schema: unknown }>(completeFormat(json(anySchema))).schema, anySchema);
  });

  it('must be complete for a publisher', () => {
    assert.throws(() => completeFormat(video({ width: 64 })), {
      name: 'TypeError',
      message: 'openPublisher(): format.height must be an integer, got undefined',
    });
    assert.throws(() => completeFormat(tensors()), /TypeError.*format\.tensors/);
    assert.throws(
      () => completeFormat({ kind: 'film' }),
      /TypeError.*format\.kind must be 'video'/,
    );
    assert.throws(() => completeFormat(undefined), TypeError);
  });

  it('may be partial for a subscriber', () => {
    assert.deepEqual(formatPattern({ kind: 'video' }), { kind: 'video' });
    assert.throws(() => formatPattern({ kind: 'video', width: 0 }), RangeError);
    assert.throws(() => formatPattern({}), TypeError);
    assert.ok(isCompleteFormat(text()));
    assert.ok(!isCompleteFormat(packets()));
  });
});
