import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  audio,
  bytes,
  describeFormat,
  type Format,
  formatMismatch,
  type FormatPattern,
  json,
  packets,
  tensor,
  tensors,
  text,
  video,
} from '../../../src/format/index.js';
import type { TensorSpec } from '../../../src/tensor/index.js';

const door = video({ width: 1920, height: 1080, pixelFormat: 'nv12' });
const pq = {
  matrix: 'bt2020nc',
  primaries: 'bt2020',
  transfer: 'smpte2084',
  range: 'limited',
  guessed: false,
} as const;
const one = (spec: TensorSpec): ReturnType<typeof tensors<'a'>> => tensors({ a: spec });

function matches(format: Format, pattern: FormatPattern): void {
  assert.equal(formatMismatch(format, pattern), undefined);
}

describe('a format matches', () => {
  it('itself and every pattern of its kind that states less', () => {
    matches(door, door);
    matches(door, video());
    matches(door, video({ pixelFormat: 'nv12' }));
    matches(packets({ codec: 'h264' }), packets());
    matches(bytes('image/png'), bytes());
    matches(text(), text());
    matches(json(), json({ '~standard': { validate: (value) => ({ value }) } }));
    matches(tensor('f32', [3]), tensors());
    const sound = audio({ sampleRateHz: 48000, channels: 2, dtype: 'f32', maxSamples: 960 });
    matches(sound, audio({ channels: 2 }));
  });

  it('a pattern that only guessed its colour', () => {
    const hdr = video({ width: 1920, height: 1080, pixelFormat: 'p010', color: pq });
    matches(hdr, video({ width: 1920, height: 1080, pixelFormat: 'p010' }));
    matches(hdr, hdr);
  });

  it('a pattern that names some of its tensors', () => {
    const spec = { dtype: 'u8', shape: [3] } as const;
    matches(tensors({ a: spec, b: spec }), one(spec));
  });

  it('a variable pattern when every shape fits', () => {
    const wanted = one({ dtype: 'f32', shape: [64, 10], variable: true });
    matches(one({ dtype: 'f32', shape: [64, 10], variable: true }), wanted);
    matches(one({ dtype: 'f32', shape: [8, 10], variable: true }), wanted);
    matches(one({ dtype: 'f32', shape: [8, 0] }), wanted);
  });

  it('whatever the stride of a dimension of one', () => {
    matches(
      one({ dtype: 'f32', shape: [1, 3], strides: [64, 1] }),
      one({ dtype: 'f32', shape: [1, 3] }),
    );
  });
});

describe('a mismatch', () => {
  const a = (shape: readonly number[], more: Partial<TensorSpec> = {}): FormatPattern & Format =>
    one({ dtype: 'f32', shape, ...more });
  const cases: readonly [Format, FormatPattern, string][] = [
    [door, tensor('f32', [3]), 'kind is video (nv12 1920x1080), wanted tensor'],
    [door, video({ width: 1280 }), 'width is 1920, wanted 1280'],
    [door, video({ pixelFormat: 'rgb24' }), 'pixelFormat is nv12, wanted rgb24'],
    [door, video({ color: pq }), 'color.matrix is bt709, wanted bt2020nc'],
    [packets({ codec: 'h264' }), packets({ codec: 'hevc' }), 'codec is h264, wanted hevc'],
    [bytes(), bytes('image/png'), 'mediaType is not stated, wanted image/png'],
    [a([3]), one({ dtype: 'f64', shape: [3] }), 'tensors.a is f32 [3], wanted f64 [3]'],
    [a([3]), a([4]), 'tensors.a is f32 [3], wanted f32 [4]'],
    [a([3]), a([3, 1]), 'tensors.a is f32 [3], wanted f32 [3,1]'],
    [a([3], { variable: true }), a([3]), 'tensors.a is f32 [≤3], wanted f32 [3]'],
    [a([9]), a([8], { variable: true }), 'tensors.a is f32 [9], wanted f32 [≤8]'],
    [a([3]), tensor('f32', [3]), 'tensors.data is missing (there are a), wanted f32 [3]'],
    [a([2, 3], { strides: [8, 1] }), a([2, 3]), 'tensors.a.strides is [8,1], wanted contiguous'],
    [a([2, 3]), a([2, 3], { strides: [8, 1] }), 'tensors.a.strides is contiguous, wanted [8,1]'],
    [
      a([2, 3], { variable: true, strides: [3, 1] }),
      a([2, 3], { variable: true }),
      'tensors.a.strides is [3,1], wanted contiguous',
    ],
  ];
  for (const [format, pattern, message] of cases) {
    it(`says: ${message}`, () => {
      assert.equal(formatMismatch(format, pattern), message);
    });
  }
});

describe('a description', () => {
  it('is short', () => {
    const described = [
      video({ width: 3840, height: 2160, pixelFormat: 'nv12' }),
      tensor('f32', [64, 32000]),
      tensor('f32', []),
      tensors({
        ids: { dtype: 'i64', shape: [64, 4096], variable: true },
        logits: { dtype: 'f32', shape: [64, 32000] },
      }),
      audio({ sampleRateHz: 16000, channels: 1, dtype: 'i16', maxSamples: 160 }),
      audio({ sampleRateHz: 44100, channels: 2, dtype: 'f32', maxSamples: 160 }),
      audio({ sampleRateHz: 48000, channels: 6, dtype: 'f32', maxSamples: 160 }),
      text(),
      bytes(),
      bytes('image/png'),
      json(),
      packets({ codec: 'pcm-alaw' }),
    ].map(describeFormat);
    assert.deepEqual(described, [
      'nv12 3840x2160',
      'f32 [64,32000]',
      'f32 []',
      'ids i64 [≤64,≤4096], logits f32 [64,32000]',
      'i16 16 kHz mono',
      'f32 44.1 kHz stereo',
      'f32 48 kHz 6 channels',
      'text',
      'bytes',
      'bytes image/png',
      'json',
      'pcm-alaw',
    ]);
  });
});
