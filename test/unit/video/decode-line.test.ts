import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SluiceError } from '../../../src/core/index.js';
import { guessColor } from '../../../src/format/index.js';
import type { CodedPicture, PictureLook } from '../../../src/video/camera/coded-picture.js';
import { DecodeLine } from '../../../src/video/camera/decode-line.js';
import type { Decoder } from '../../../src/video/camera/decoder.js';
import type { FrameOutput } from '../../../src/video/camera/frame-output.js';

const SIZE = { width: 64, height: 48 };
const LOOK: PictureLook = {
  codec: 'h264',
  parameters: { ...SIZE, bitDepth: 8, chroma: 1, color: guessColor('nv12', SIZE.height) },
  timeBase: { numerator: 1, denominator: 25 },
  fourcc: Buffer.from('H264'),
  extra: new Uint8Array(0),
  decodeDelay: 0,
};

function picture(pts: number, keyFrame: boolean): CodedPicture {
  const times = { pts, ptsNs: pts * 40_000_000, captureTimeNs: 0, id: BigInt(pts + 1) };
  const state = { discontinuity: false, isShown: false };
  return { bytes: new Uint8Array(8), keyFrame, look: LOOK, ...times, ...state };
}

/** Notes what it is given, and is full for as long as it is told to be. */
class NotingDecoder implements Decoder {
  readonly name = 'ffmpeg';
  readonly pid = undefined;
  failure: SluiceError | undefined;
  readonly delayMs = undefined;
  readonly given: number[] = [];
  isFull: boolean;
  #ready: () => void = () => undefined;

  constructor(isFull: boolean) {
    this.isFull = isFull;
  }

  decode({ pts }: CodedPicture): void {
    this.given.push(pts);
  }

  whenReady(): Promise<void> {
    return new Promise((resolve) => (this.#ready = resolve));
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {
    this.#ready();
  }
}

interface LineOptions {
  readonly begin?: () => Promise<void>;
  readonly onBroken?: (error: unknown) => void;
  readonly onFailure?: (error: SluiceError, isLast: boolean) => void;
}

function lineOf(decoders: NotingDecoder[], options: LineOptions = {}): DecodeLine {
  const { begin, onBroken, onFailure } = options;
  const output = { lastPtsNs: Number.NEGATIVE_INFINITY, begin: begin ?? (async () => undefined) };
  return new DecodeLine({
    output: output as unknown as FrameOutput,
    makeDecoder: () => decoders.shift()!,
    waits: true,
    hold: () => undefined,
    release: () => undefined,
    onFailure: onFailure ?? ((error) => assert.fail(error)),
    onFormat: () => undefined,
    onBroken: onBroken ?? ((error) => assert.fail(error as Error)),
  });
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
}

describe('what is decoded', () => {
  it('begins with the key frame, also when one is wanted more while the decoder is full', async () => {
    const [keys, all] = [new NotingDecoder(true), new NotingDecoder(false)];
    const line = lineOf([keys, all]);
    line.want = 'key';
    for (let pts = 0; pts < 4; pts += 1) line.push(picture(pts, pts === 0));
    await turns();
    assert.deepEqual(keys.given, [0]);
    line.want = 'all';
    await turns();
    assert.deepEqual(all.given, [0, 1, 2, 3]);
    await line.close();
  });

  it('is nothing where its frames have no channel, until the next connection', async () => {
    const decoder = new NotingDecoder(false);
    const broken: unknown[] = [];
    let opens = false;
    const begin = async (): Promise<void> => {
      if (!opens) throw new RangeError('no such channel');
    };
    const line = lineOf([decoder], { begin, onBroken: (error) => broken.push(error) });
    line.want = 'all';
    line.push(picture(0, true));
    await turns();
    line.push(picture(1, true));
    await turns();
    assert.equal(broken.length, 1);
    await line.interrupt();
    opens = true;
    line.push(picture(2, true));
    await turns();
    assert.deepEqual([decoder.given, broken.length], [[2], 1]);
    await line.close();
  });

  it('is tried at each key frame, however often there was no room for a decoder', async () => {
    const failed = Array.from({ length: 9 }, () => new NotingDecoder(false));
    const last = new NotingDecoder(false);
    const told: boolean[] = [];
    const onFailure = (_: SluiceError, isLast: boolean): void => void told.push(isLast);
    const line = lineOf([...failed, last], { onFailure });
    line.want = 'all';
    for (const [pts, decoder] of failed.entries()) {
      line.push(picture(pts, true));
      await turns();
      assert.deepEqual(decoder.given, [pts]);
      decoder.failure = new SluiceError('TOO_MANY_FILES', 'cannot start ffmpeg');
    }
    line.push(picture(9, true));
    await turns();
    assert.deepEqual(last.given, [9]);
    assert.deepEqual(new Set(told), new Set([false]));
    await line.close();
  });
});
