import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { element, readHeader, unsigned, voidOf } from '../../../src/video/container/ebml.js';
import { MatroskaIndex } from '../../../src/video/container/matroska-index.js';

const CLUSTER = 0x1f43b675;
const [SEEK_HEAD, INFO, TRACKS] = [0x114d9b74, 0x1549a966, 0x1654ae6b];

/** As ffmpeg writes into a pipe: a cluster a picture, ten a second, every fifth one a key frame. */
function file(pictures: number): Buffer {
  const segment = Buffer.from('1853806701ffffffffffffff', 'hex');
  const head = [element(SEEK_HEAD), voidOf(107), element(INFO, unsigned(0x2ad7b1, 1_000_000))];
  const clusters = Array.from({ length: pictures }, (_, index) => {
    const flags = index % 5 === 0 ? 0x80 : 0;
    const block = element(0xa3, Buffer.from([0x81, 0, 0, flags]), Buffer.alloc(200, index));
    return element(CLUSTER, unsigned(0xe7, index * 100), block);
  });
  return Buffer.concat([element(0x1a45dfa3), segment, ...head, element(TRACKS), ...clusters]);
}

function indexed(bytes: Buffer, pieces: readonly number[]): Buffer | undefined {
  const index = new MatroskaIndex();
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const length = pieces[piece % pieces.length] ?? bytes.length;
    index.add(bytes.subarray(at, at + length));
    at += length;
  }
  const end = index.end();
  if (end === undefined) return undefined;
  const whole = Buffer.concat([bytes, end.tail]);
  for (const { at, bytes: patch } of end.patches) whole.set(patch, at);
  return whole;
}

describe('the index of a Matroska file', () => {
  it('is the same however the bytes came, and moves nothing', () => {
    const bytes = file(23);
    const whole = indexed(bytes, [bytes.length])!;
    const clusters = bytes.indexOf('1f43b675', 'hex');
    assert.deepEqual(whole.subarray(clusters, bytes.length), bytes.subarray(clusters));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (pieces) => {
        assert.deepEqual(indexed(bytes, pieces), whole);
      }),
    );
    const cues = readHeader(whole, bytes.length)!;
    assert.deepEqual([cues.id, cues.contentAt + cues.size], [0x1c53bb6b, whole.length]);
    const keys = [
      ...whole
        .subarray(bytes.length)
        .toString('latin1')
        .matchAll(/\xbb[\x80-\xff]\xb3/g),
    ];
    assert.equal(keys.length, 5, 'a point for each key frame');
  });

  it('is left out of what is no such file', () => {
    const bytes = file(6);
    assert.equal(indexed(bytes.subarray(0, bytes.length - 20), [100]), undefined, 'cut off');
    assert.equal(indexed(Buffer.alloc(0), [1]), undefined);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 64 }),
        (noise, piece) => {
          indexed(Buffer.from(noise), [piece]);
          indexed(Buffer.concat([bytes, noise]), [piece]);
        },
      ),
    );
  });
});
