/** Valid formats of every kind, for properties. */
import fc from 'fast-check';
import {
  AUDIO_DTYPES,
  type Format,
  PACKET_CODECS,
  PIXEL_FORMATS,
} from '../../../src/format/index.js';
import {
  contiguousStrides,
  DTYPES,
  tensorsProblem,
  type TensorSpec,
} from '../../../src/tensor/index.js';

const colorName = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/);

const color = fc.record({
  matrix: colorName,
  primaries: colorName,
  transfer: colorName,
  range: fc.constantFrom('limited' as const, 'full' as const),
  guessed: fc.boolean(),
});

const video = fc.record(
  {
    kind: fc.constant('video' as const),
    width: fc.integer({ min: 1, max: 16384 }),
    height: fc.integer({ min: 1, max: 16384 }),
    pixelFormat: fc.constantFrom(...PIXEL_FORMATS),
    color,
  },
  { requiredKeys: ['kind', 'width', 'height', 'pixelFormat'] },
);

const spec: fc.Arbitrary<TensorSpec> = fc
  .record({
    dtype: fc.constantFrom(...DTYPES),
    shape: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 8 }),
    variable: fc.boolean(),
    padding: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  })
  .map(({ padding, ...rest }) => {
    if (padding === undefined) return rest;
    return { ...rest, strides: contiguousStrides(rest.shape).map((stride) => stride * padding) };
  });

const tensor = fc.record({
  kind: fc.constant('tensor' as const),
  tensors: fc
    .dictionary(fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,31}$/), spec, {
      minKeys: 1,
      maxKeys: 16,
    })
    .filter((tensors) => tensorsProblem('tensors', tensors) === undefined),
});

const audio = fc.record({
  kind: fc.constant('audio' as const),
  sampleRateHz: fc.integer({ min: 1, max: 768_000 }),
  channels: fc.integer({ min: 1, max: 64 }),
  dtype: fc.constantFrom(...AUDIO_DTYPES),
  maxSamples: fc.integer({ min: 1, max: 2 ** 22 }),
});

const bytes = fc.record(
  {
    kind: fc.constant('bytes' as const),
    mediaType: fc.constantFrom('image/png', 'text/plain; charset=utf-8', 'application/x+json'),
  },
  { requiredKeys: ['kind'] },
);

export const formats: fc.Arbitrary<Format> = fc.oneof(
  video,
  tensor,
  audio,
  bytes,
  fc.constant({ kind: 'text' as const }),
  fc.constant({ kind: 'json' as const }),
  fc.record({ kind: fc.constant('packet' as const), codec: fc.constantFrom(...PACKET_CODECS) }),
);
