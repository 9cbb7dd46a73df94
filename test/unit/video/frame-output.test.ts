/** The frame channel of a camera: pictures that find no slot. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { guessColor } from '../../../src/format/index.js';
import { openSubscriber, video } from '../../../src/index.js';
import type { CodedPicture } from '../../../src/video/camera/coded-picture.js';
import {
  FrameOutput,
  frameFormat,
  type PicturePlace,
} from '../../../src/video/camera/frame-output.js';

const PARAMETERS = { width: 64, height: 48, bitDepth: 8, chroma: 1, color: guessColor('nv12', 48) };
const LOOK = {
  codec: 'h264',
  parameters: PARAMETERS,
  timeBase: { numerator: 1, denominator: 25 },
  fourcc: Buffer.from('H264'),
  extra: new Uint8Array(0),
  decodeDelay: 0,
} as const;

function picture(index: number): CodedPicture {
  const times = { pts: index, ptsNs: index * 40e6, captureTimeNs: index, id: BigInt(index + 1) };
  const state = { discontinuity: false, isShown: false };
  return { bytes: new Uint8Array(0), keyFrame: false, look: LOOK, ...times, ...state };
}

it('a camera marks the frame behind a picture that found no slot', async (test) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-output-'));
  test.after(() => rmSync(folder, { recursive: true }));
  const directory = join(folder, 'run');
  const about = { waits: false, shown: 'test', ending: new AbortController().signal };
  const output = new FrameOutput('camera', { input: 'test', slots: 6, directory }, about);
  await output.begin(frameFormat(PARAMETERS));
  test.after(() => output.close());
  const places: PicturePlace[] = [];
  for (let place = output.place(); place !== undefined; place = output.place()) {
    places.push(place as PicturePlace);
  }
  assert.deepEqual([places.length, output.dropped], [6, 1]);
  const subscriber = await openSubscriber('camera', {
    ...{ format: video(), delivery: 'every', maxLag: 2, directory },
  });
  test.after(() => subscriber.close());
  const marks: boolean[] = [];
  for (const [index, place] of places.slice(0, 3).entries()) {
    place.publish(picture(index));
    using frame = await subscriber.receive();
    marks.push(frame.flags.discontinuity);
  }
  for (const place of places.slice(3)) place.giveBack();
  assert.deepEqual(marks, [true, false, false]);
});
