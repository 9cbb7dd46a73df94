/** Detections over pictures: where they are drawn, of which frame, and for how long. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Frame, type FramePublisher, video, type VideoFormat } from '../../../src/index.js';
import { frameByteLength, PIXEL_FORMATS, videoPlanes } from '../../../src/format/index.js';
import {
  type Detection,
  identityOf,
  openDetectionPublisher,
  openMosaic,
} from '../../../src/video.js';
import { detectionMarks } from '../../../src/video/overlay/detection-marks.js';
import { LETTERS } from '../../../src/video/overlay/label-font.js';
import { type Label, labelSize, lettersOf, type Mark } from '../../../src/video/overlay/mark.js';
import { Overlay } from '../../../src/video/overlay/overlay.js';
import { Bench } from '../bus/bench.js';

const ROOM = { width: 300, height: 100 };

function blank(format: VideoFormat) {
  const bytes = new Uint8Array(frameByteLength(format));
  const planes = videoPlanes(format).map(({ byteOffset, byteLength, pitchBytes }) => ({
    bytes: bytes.subarray(byteOffset, byteOffset + byteLength),
    pitchBytes,
    pointer: 0n,
  }));
  return { bytes, planes };
}

const MARK: Mark = {
  outline: { x: 4, y: 20, width: 40, height: 16, thickness: 2 },
  label: { x: 4, y: 4, scale: 1, letters: lettersOf('I', 1, ROOM)! },
  ground: [255, 255, 255],
  ink: [0, 0, 0],
  opacity: 256,
};

describe('labels', () => {
  it('fit where they are, and show what they cannot write as question marks', () => {
    assert.deepEqual(labelSize({ letters: lettersOf('I', 1, ROOM)!, scale: 1 }), {
      width: 11,
      height: 15,
    });
    assert.equal(lettersOf('a long name', 1, { width: 40, height: 20 })!.length, 5);
    assert.equal(lettersOf('a', 2, { width: 20, height: 50 }), undefined);
    assert.equal(lettersOf('a', 1, { width: 50, height: 14 }), undefined);
    assert.equal(lettersOf('', 1, ROOM), undefined);
    assert.equal(lettersOf('x'.repeat(200), 1, { width: 9999, height: 99 })!.length, 68);
    const text = String.fromCharCode(...lettersOf('\u{1f600}\u001b[2Jé', 1, ROOM)!);
    assert.equal(text, '?\\e[2J?');
  });

  it('are written in the same letters by the kernel', () => {
    const header = new URL('../../../../kernels/letters.h', import.meta.url);
    const rows = [...readFileSync(header, 'utf8').matchAll(/^ {4}\{(.*)\},$/gm)];
    const bytes = rows.map(([, row]) => row!.replaceAll(/0x|, /g, ''));
    assert.deepEqual(bytes, [...LETTERS]);
  });
});

describe('marks over a picture', () => {
  for (const pixelFormat of PIXEL_FORMATS) {
    it(`are an outline and a label in ${pixelFormat}`, () => {
      const format = video({ width: 64, height: 48, pixelFormat });
      const { planes } = blank(format);
      new Overlay(format, undefined).draw([MARK], planes);
      const { bytes, pitchBytes } = planes[0]!;
      const wide = pixelFormat === 'p010' || pixelFormat === 'gray16';
      const step = pitchBytes >= 64 * 4 && !wide ? 4 : pitchBytes >= 64 * 3 && !wide ? 3 : 1;
      const at = (x: number, y: number): number =>
        wide ? bytes[y * pitchBytes + x * 2 + 1]! : bytes[y * pitchBytes + x * step]!;
      // The highest byte of white, in the format's range.
      const white = at(4, 20);
      assert.ok(white >= 234, String(white));
      const row = (y: number): string =>
        Array.from({ length: 48 }, (_, x) => (at(x, y) === white ? '#' : '.')).join('');
      assert.equal(row(21), `....${'#'.repeat(40)}....`);
      assert.equal(row(25), `....##${'.'.repeat(36)}##....`);
      assert.equal(row(35), row(21));
      assert.equal(row(36), '.'.repeat(48));
      // The label is white, and its letter is black: the two serifs and the stem of an I.
      assert.equal(row(4), `....${'#'.repeat(11)}${'.'.repeat(33)}`);
      assert.equal(row(7), `....###.....###${'.'.repeat(33)}`);
      assert.equal(row(10), `....#####.#####${'.'.repeat(33)}`);
    });
  }

  it('are mixed with what is below', () => {
    const format = video({ width: 64, height: 48, pixelFormat: 'gray8' });
    const { planes } = blank(format);
    const full = blank(format);
    new Overlay(format, undefined).draw([MARK], full.planes);
    planes[0]!.bytes.fill(100);
    new Overlay(format, undefined).draw([{ ...MARK, opacity: 64 }], planes);
    const at = 20 * planes[0]!.pitchBytes + 4;
    const white = full.planes[0]!.bytes[at]!;
    assert.equal(planes[0]!.bytes[at], (100 * 192 + white * 64 + 128) >> 8);
    assert.equal(planes[0]!.bytes[0], 100);
  });
});

describe('detections as marks', () => {
  const frame = { channel: 'a', instance: '0'.repeat(32), epoch: 1, sequence: 1 };
  const identity = { ...frame, id: '1', ptsNs: 0, width: 640, height: 480 };
  const marksOf = (detections: readonly Detection[]): readonly Mark[] =>
    detectionMarks(
      [{ value: { version: 1, model: 'm', frame: identity, detections }, opacity: 256 }],
      { x: 100, y: 60, width: 320, height: 240 },
    );
  const box = (x: number, y: number, width: number, height: number) => ({ x, y, width, height });

  it('are where the picture is, and of its size', () => {
    const [mark] = marksOf([{ box: box(64, 96, 100, 50), label: 'cat', score: 0.5, trackId: 3 }]);
    const outline = { x: 132, y: 108, width: 50, height: 26, thickness: 2 };
    assert.deepEqual(mark!.outline, outline);
    const label = mark!.label as Label;
    assert.equal(String.fromCharCode(...label.letters), 'cat 0.50 #3');
    assert.deepEqual([label.x, label.y], [132, 108 - 15]);
  });

  it('are cut at the edges of the picture, and left out beyond them', () => {
    const marks = marksOf([
      { box: box(-50, -50, 100, 100), label: 'a' },
      { box: box(600, 440, 1e6, 1e6), label: 'b' },
      { box: box(-500, 10, 100, 100), label: 'c' },
      { box: box(10, 10, 0, 100), label: 'd' },
    ]);
    const texts = marks.map(({ label }) => String.fromCharCode(...label!.letters));
    assert.deepEqual(texts, ['b', 'a']);
    const [b, a] = marks;
    assert.deepEqual({ ...a!.outline }, { ...box(100, 60, 26, 26), thickness: 2 });
    assert.deepEqual({ ...b!.outline }, { ...box(400, 280, 20, 20), thickness: 2 });
    for (const { label, outline } of marks) {
      const { width, height } = labelSize(label!);
      assert.ok(label!.x >= 100 && label!.x + width <= 420 && label!.y >= 60);
      assert.ok(label!.y + height <= 300 && outline!.x % 2 === 0);
    }
  });

  it('are the best of many, the best on top', () => {
    const many = Array.from({ length: 100 }, (_, index) => ({
      ...{ box: box(index, index, 50, 50), label: `l${index}`, score: index / 100 },
    }));
    const marks = marksOf(many);
    assert.equal(marks.length, 64);
    assert.match(String.fromCharCode(...marks.at(-1)!.label!.letters), /^l99 /);
  });
});

describe('a mosaic with detections', { timeout: 30_000 }, () => {
  const format = video({ width: 64, height: 64, pixelFormat: 'gray8' });
  const FOUND: Detection = { box: { x: 0, y: 30, width: 64, height: 34 }, label: 'x' };

  function put(camera: FramePublisher<VideoFormat>, captureTimeNs?: number): void {
    const options = captureTimeNs === undefined ? {} : { captureTimeNs };
    camera.tryLoan()!.publish(options);
  }

  const level = (frame: Frame<VideoFormat>): number => frame.planes[0]!.bytes[40 * 64]!;

  it('shows those of the frame at once, of others paler, and none that are too old', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const camera = await bench.publisher('camera', { format });
    const view = await bench.subscriber('camera', { format: video() });
    const detector = bench.own(
      await openDetectionPublisher('detect/camera', { model: 'test', directory }),
    );
    const size = { width: 64, height: 64, pixelFormat: 'gray8', framesPerSecond: 50 } as const;
    const wanted = { ...size, labels: false, staleMs: 60_000, directory };
    const detections = ['detect/*'];
    bench.own(await openMosaic('wall', ['camera'], { ...wanted, detections }));
    const wall = await bench.subscriber('wall', { format: video() });
    const until = async (isWanted: (level: number) => boolean): Promise<void> => {
      for await (const frame of wall) if (isWanted(level(frame as Frame<VideoFormat>))) return;
    };
    while (detector.stats().subscribers === 0) await new Promise((next) => setTimeout(next, 2));
    put(camera);
    const frame = await view.receive();
    assert.ok(detector.send(frame, [FOUND]));
    await until((found) => found > 150);
    const { captureTimeNs } = frame;
    frame.release();
    // A frame that is 0.75 s away from what was found is half as bright, and one that is 2 s away has nothing.
    put(camera, captureTimeNs + 750e6);
    await until((found) => found > 60 && found < 150);
    put(camera, captureTimeNs + 2e9);
    await until((found) => found === 0);
    using last = await view.receive();
    assert.equal(identityOf(last).sequence, 3);
    assert.ok(detector.send(last, [FOUND]));
    await until((found) => found > 150);
  });

  it('refuses what is no channel', async () => {
    const opened = openMosaic('wall', ['a'], { detections: ['A B'] });
    await assert.rejects(opened, TypeError);
  });
});
