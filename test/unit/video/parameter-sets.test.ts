import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  AccessUnits,
  joinNals,
  nalPlaces,
  readVp9KeyFrame,
} from '../../../src/video/packets/index.js';
import { readAv1Sequence } from '../../../src/video/packets/av1.js';
import { readH264Sps } from '../../../src/video/packets/h264.js';
import { readHevcSps } from '../../../src/video/packets/hevc.js';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** Of 322 × 242 pictures by x264 and x265: both sides are cut off from whole blocks. */
const SPS = hex('6764000dacd94150878888c044000003000400000300c83c50a658');
const PPS = hex('68ebe3cb22c0');
const AVCC = hex(
  '0164000dffe1001b6764000dacd94150878888c044000003000400000300c83c50a65801000668ebe3cb22c0fdf8f800',
);
const HEVC_8 = hex(
  '42010101600000030090000003000003003ca00a480f9c9265959a4932bc05a020000003002000000300321a2',
);
const HEVC_10 = hex(
  '42010102200000030090000003000003003ca00a480f9c92365959a4932bc05a020000030002000003003210',
);
const AV1 = hex('00000004 3cffbcdaf9004082'.replaceAll(' ', ''));
/** The first bytes of key frames by libvpx: 8 bits, 8 bits of full range marked BT.709, 10 bits, 12 bits of 4:2:2. */
const VP9_8 = hex('824983420014100f1606');
const VP9_FULL = hex('824983425014100f1606');
const VP9_10 = hex('92498342000a08078b03');
const VP9_12 = hex('b124c1a16a001f8017b0');
const VP9_INTER = hex('86004092f1214000');
const IDR = hex('6588840010');
const SLICE = hex('419a2442');

describe('parameter sets', () => {
  it('say the size that is to be shown, the depth and the subsampling', () => {
    const wanted = { width: 322, height: 242, chroma: 1 };
    const of = (found: ReturnType<typeof readH264Sps>): object => {
      const { width, height, chroma } = found!;
      return { width, height, chroma };
    };
    assert.deepEqual(of(readH264Sps(SPS)), wanted);
    assert.deepEqual(of(readHevcSps(HEVC_8)), wanted);
    assert.deepEqual(of(readHevcSps(HEVC_10)), wanted);
    assert.equal(readH264Sps(SPS)!.bitDepth, 8);
    assert.equal(readHevcSps(HEVC_8)!.bitDepth, 8);
    assert.equal(readHevcSps(HEVC_10)!.bitDepth, 10);
    assert.deepEqual(of(readAv1Sequence(AV1)), { width: 320, height: 240, chroma: 1 });
    assert.ok(readH264Sps(SPS)!.color.guessed, 'nothing is stated, so the colour is a guess');
  });

  it('of VP9 stand in its key frames', () => {
    const wanted = { width: 322, height: 242, bitDepth: 8, chroma: 1 };
    const { color, ...about } = readVp9KeyFrame(VP9_8)!;
    assert.deepEqual(about, wanted);
    assert.ok(color.guessed && color.range === 'limited');
    const full = readVp9KeyFrame(VP9_FULL)!.color;
    assert.deepEqual([full.matrix, full.range, full.guessed], ['bt709', 'full', false]);
    assert.equal(readVp9KeyFrame(VP9_10)!.bitDepth, 10);
    const deep = readVp9KeyFrame(VP9_12)!;
    assert.deepEqual([deep.width, deep.height, deep.bitDepth, deep.chroma], [64, 48, 12, 2]);
    // BT.2020 without a curve, which may be one of high dynamic range.
    assert.deepEqual([deep.color.matrix, deep.color.guessed], ['bt2020nc', true]);
    assert.equal(readVp9KeyFrame(VP9_INTER), undefined);
    assert.equal(readVp9KeyFrame(VP9_8.subarray(0, 7)), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (rest) => {
        const found = readVp9KeyFrame(Buffer.concat([VP9_8.subarray(0, 4), rest]));
        if (found === undefined) return;
        for (const side of [found.width, found.height]) assert.ok(side >= 1 && side <= 16384);
      }),
    );
  });

  it('are nothing where the bytes are none, and no bytes make the readers throw or run on', () => {
    assert.equal(readH264Sps(SPS.subarray(0, 8)), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const read of [readH264Sps, readHevcSps, readAv1Sequence, readVp9KeyFrame]) {
          const found = read(bytes);
          if (found === undefined) continue;
          for (const side of [found.width, found.height]) assert.ok(side >= 1 && side <= 16384);
        }
      }),
    );
  });
});

describe('access units', () => {
  const lengths = (...nals: Uint8Array[]): Uint8Array =>
    Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, nal.length]), nal]));
  const nalsOf = (bytes: Uint8Array): string[] =>
    nalPlaces(bytes).map(({ start, end }) =>
      Buffer.from(bytes.subarray(start, end)).toString('hex'),
    );
  const text = (nal: Uint8Array): string => Buffer.from(nal).toString('hex');

  it('have start codes, and the sets of the configuration before a key frame', () => {
    const units = new AccessUnits('h264', AVCC);
    assert.equal(units.parameters?.width, 322);
    const key = units.take(lengths(IDR), false);
    assert.equal(key?.keyFrame, true, 'an IDR is one, whatever the container says');
    assert.deepEqual(nalsOf(key!.bytes), [SPS, PPS, IDR].map(text));
    const other = units.take(lengths(SLICE), false);
    assert.deepEqual([other!.keyFrame, nalsOf(other!.bytes)], [false, [text(SLICE)]]);
  });

  it('keep the delimiter first, and sets that are there are not put there again', () => {
    const units = new AccessUnits('h264', AVCC);
    const delimiter = hex('09f0');
    assert.deepEqual(
      nalsOf(units.take(lengths(delimiter, IDR), true)!.bytes),
      [delimiter, SPS, PPS, IDR].map(text),
    );
    const whole = joinNals([SPS, PPS, IDR]);
    assert.equal(new AccessUnits('h264', new Uint8Array(0)).take(whole, true)!.bytes, whole);
  });

  it('take the newest sets of the stream', () => {
    const units = new AccessUnits('h264', new Uint8Array(0));
    assert.ok(new AccessUnits('h264', new Uint8Array(0)).parameters === undefined);
    units.take(joinNals([SPS, PPS, IDR]), true);
    assert.equal(units.parameters?.height, 242);
    assert.deepEqual(nalsOf(units.take(joinNals([IDR]), true)!.bytes), [SPS, PPS, IDR].map(text));
  });

  it('are refused where a length leads out of the packet, and a configuration that is none at once', () => {
    const units = new AccessUnits('h264', AVCC);
    assert.equal(units.take(lengths(IDR).subarray(0, 6), true), undefined);
    assert.throws(() => new AccessUnits('h264', AVCC.subarray(0, 20)), RangeError);
    assert.throws(() => new AccessUnits('hevc', hex('ff00')), RangeError);
  });

  it('come of any bytes without a throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('h264', 'hevc', 'av1'),
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
        (codec, packets) => {
          const units = new AccessUnits(codec as 'h264', new Uint8Array(0));
          for (const packet of packets) units.take(packet, true);
        },
      ),
    );
  });
});
