import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  NutDemuxer,
  NutError,
  type NutFrame,
  nutFrameHeader,
  nutHeader,
  type NutStream,
} from '../../../src/video/ffmpeg/index.js';

const STREAM: Omit<NutStream, 'id'> = {
  class: 'video',
  fourcc: Buffer.from('H264'),
  timeBase: { numerator: 1001, denominator: 30_000 },
  decodeDelay: 2,
  extra: Buffer.from('parameter sets'),
  width: 1920,
  height: 1080,
  sampleRateHz: 0,
  channels: 0,
};

interface Packet {
  readonly pts: number;
  readonly keyFrame: boolean;
  readonly bytes: Uint8Array;
}

class Recorder {
  readonly packets: Packet[] = [];
  streams: readonly NutStream[] = [];
  readonly demuxer: NutDemuxer;
  #target: Uint8Array = new Uint8Array(0);

  constructor(readAheadBytes: number) {
    this.demuxer = new NutDemuxer(
      {
        streams: (streams) => (this.streams = streams),
        frame: ({ byteLength }) => (this.#target = new Uint8Array(byteLength)),
        whole: ({ pts, keyFrame }: NutFrame) => {
          this.packets.push({ pts, keyFrame, bytes: this.#target });
        },
      },
      readAheadBytes,
    );
  }

  /** In pieces as a pipe may give them. */
  feed(bytes: Uint8Array, pieces: readonly number[]): void {
    let at = 0;
    for (let index = 0; at < bytes.length; index += 1) {
      const target = this.demuxer.next();
      const wanted = pieces[index % pieces.length] ?? 1;
      const length = Math.min(target.length, wanted, bytes.length - at);
      target.set(bytes.subarray(at, at + length));
      at += length;
      this.demuxer.advance(length);
    }
  }
}

const packet = fc.record({
  pts: fc.integer({ min: 0, max: 2 ** 40 }),
  keyFrame: fc.boolean(),
  bytes: fc.uint8Array({ maxLength: 300 }),
});
const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });

function written(packets: readonly Packet[]): Uint8Array {
  const frames = packets.flatMap(({ pts, keyFrame, bytes }) => [
    nutFrameHeader(pts, keyFrame, bytes.length),
    bytes,
  ]);
  return Buffer.concat([nutHeader(STREAM), ...frames]);
}

describe('NUT', () => {
  it('is read as it was written, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { minLength: 1, maxLength: 6 }),
        pieces,
        fc.constantFrom(1, 64, 4096),
        (packets, sizes, readAhead) => {
          const recorder = new Recorder(readAhead);
          recorder.feed(written(packets), sizes);
          assert.deepEqual(
            recorder.packets.map(({ pts, keyFrame, bytes }) => [pts, keyFrame, [...bytes]]),
            packets.map(({ pts, keyFrame, bytes }) => [pts, keyFrame, [...bytes]]),
          );
          assert.ok(recorder.demuxer.isBetweenFrames);
          const [stream] = recorder.streams;
          const { id, ...rest } = stream!;
          assert.equal(id, 0);
          assert.deepEqual(
            { ...rest, extra: Buffer.from(rest.extra), fourcc: Buffer.from(rest.fourcc) },
            STREAM,
          );
        },
      ),
    );
  });

  it('waits where the sink says later, and passes over what it does not want', () => {
    const bytes = written([
      { pts: 1, keyFrame: true, bytes: Buffer.from('one') },
      { pts: 2, keyFrame: false, bytes: Buffer.from('two') },
      { pts: 3, keyFrame: false, bytes: Buffer.from('three') },
    ]);
    const seen: number[] = [];
    const target = new Uint8Array(8);
    const answers = new Map<number, Uint8Array | undefined | 'later'>([
      [1, 'later'],
      [3, target],
    ]);
    const demuxer = new NutDemuxer(
      {
        streams: () => undefined,
        frame: ({ pts }) => answers.get(pts),
        whole: ({ pts }) => seen.push(pts),
      },
      4096,
    );
    demuxer.next().set(bytes);
    demuxer.advance(bytes.length);
    assert.deepEqual([demuxer.waits, seen], [true, []]);
    const first = new Uint8Array(3);
    demuxer.supply(first);
    assert.equal(Buffer.from(first).toString(), 'one');
    assert.deepEqual([demuxer.waits, seen], [false, [1, 3]]);
    assert.equal(Buffer.from(target.subarray(0, 5)).toString(), 'three');
  });

  it('is refused when it is none: with an error of its own, and never by running on', () => {
    const whole = written([{ pts: 7, keyFrame: true, bytes: Buffer.alloc(40, 7) }]);
    fc.assert(
      fc.property(
        fc.nat({ max: whole.length - 1 }),
        fc.nat({ max: 255 }),
        fc.uint8Array({ maxLength: 64 }),
        (at, value, tail) => {
          const bytes = Buffer.concat([whole, tail]);
          bytes[at] = value;
          const recorder = new Recorder(64);
          try {
            recorder.feed(bytes, [50]);
          } catch (error) {
            assert.ok(error instanceof NutError, String(error));
          }
        },
      ),
    );
  });
});
