/**
 * Conversions against ffmpeg's swscale, on a frame of real footage. Both round, so they may differ by one; what is
 * larger has a reason:
 *
 * - In full range swscale widens luma before it cuts what lies outside, so that the samples beside an overshoot differ.
 * - From 8 bits to 10 or 16 swscale repeats the upper bits, also in limited range, where zeros would be exact; and back
 *   it cuts where we round.
 * - Chroma that swscale brings to twice the columns in place goes by steps of its own in unscaled pictures (it takes
 *   the nearer row, or the mean of two); so it is made 4:4:4 first here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type PixelFormat, video, type VideoFormat } from '../../../src/format/index.js';
import { planPicture, type ResizeFilter } from '../../../src/pixels/index.js';
import { convert, fromRaw, samplesOf } from './picture-memory.js';

const CLIP = fileURLToPath(new URL('../../../../examples/media/people.mp4', import.meta.url));
/** A part of it with people in it: what there is to see of the whole takes a minute longer. */
const [WIDTH, HEIGHT] = [256, 192];
const FLAGS = 'accurate_rnd+full_chroma_int+full_chroma_inp';

/** As ffmpeg calls them. */
const NAMES: Readonly<Record<PixelFormat, string>> = {
  nv12: 'nv12',
  p010: 'p010le',
  i420: 'yuv420p',
  rgb24: 'rgb24',
  bgr24: 'bgr24',
  rgba: 'rgba',
  bgra: 'bgra',
  gray8: 'gray',
  gray16: 'gray16le',
};
const FORMATS = Object.keys(NAMES) as readonly PixelFormat[];
const isYuv = (name: PixelFormat): boolean => ['nv12', 'p010', 'i420'].includes(name);
const isGray = (name: PixelFormat): boolean => name.startsWith('gray');

function ffmpeg(words: readonly string[], input: Uint8Array): Uint8Array {
  const run = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', ...words], {
    input,
    maxBuffer: 2 ** 28,
  });
  assert.equal(run.status, 0, run.stderr?.toString());
  return run.stdout;
}

const skip = spawnSync('ffmpeg', ['-version']).status === 0 ? false : 'there is no ffmpeg';

let footage: Uint8Array | undefined;
/** The footage as `pixelFormat`, by ffmpeg. */
function source(pixelFormat: PixelFormat): Uint8Array {
  const raw = ['-f', 'rawvideo', '-pix_fmt'];
  footage ??= ffmpeg(
    [
      '-i',
      CLIP,
      '-frames:v',
      '1',
      '-vf',
      `crop=${WIDTH}:${HEIGHT}:320:128`,
      ...raw,
      'yuv420p',
      '-',
    ],
    new Uint8Array(),
  );
  if (pixelFormat === 'i420') return footage;
  const size = ['-s', `${WIDTH}x${HEIGHT}`, '-i', '-'];
  return ffmpeg([...raw, 'yuv420p', ...size, ...raw, NAMES[pixelFormat], '-'], footage);
}

/** ffmpeg takes gray for full range, always. */
function formatOf(pixelFormat: PixelFormat, width: number, height: number): VideoFormat {
  const color = { matrix: 'bt601', primaries: 'bt601', transfer: 'bt709', guessed: false } as const;
  const range = isGray(pixelFormat) ? 'full' : 'limited';
  if (!isYuv(pixelFormat) && !isGray(pixelFormat)) return video({ width, height, pixelFormat });
  return video({ width, height, pixelFormat, color: { ...color, range } });
}

interface Case {
  readonly from: PixelFormat;
  readonly to: PixelFormat;
  readonly width: number;
  readonly height: number;
  readonly filter: ResizeFilter;
}

/** Differences in steps of 8 bits. */
function differences({ from, to, width, height, filter }: Case): { max: number; mean: number } {
  const [given, wanted] = [formatOf(from, WIDTH, HEIGHT), formatOf(to, width, height)];
  const raw = source(from);
  const plan = planPicture(given, wanted, { fit: 'stretch', filter });
  const ours = samplesOf(wanted, convert(plan, fromRaw(given, raw), wanted));
  const apart = width === WIDTH && isYuv(from) && !isYuv(to) && !isGray(to);
  const scale = `scale=${width}:${height}:flags=${filter}+${FLAGS}`;
  const filters = apart ? `${scale},format=yuv444p16le,${scale}` : scale;
  const theirs = ffmpeg(
    [
      ...['-f', 'rawvideo', '-pix_fmt', NAMES[from], '-s', `${WIDTH}x${HEIGHT}`, '-i', '-'],
      ...['-vf', filters, '-f', 'rawvideo', '-pix_fmt', NAMES[to], '-'],
    ],
    raw,
  );
  const step = to === 'p010' ? 256 : to === 'gray16' ? 257 : 1;
  const words = step === 1 ? theirs : new Uint16Array(theirs.slice().buffer);
  assert.equal(ours.length, words.length);
  let [max, sum] = [0, 0];
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs(ours[i]! - words[i]!) / step;
    max = Math.max(max, difference);
    sum += difference;
  }
  return { max, mean: sum / ours.length };
}

/** All of them where that says something new; the order of components is tried by a few. */
function targetsOf(from: PixelFormat): readonly PixelFormat[] {
  if (isYuv(from) || from === 'rgb24')
    return FORMATS.filter((to) => to !== 'bgr24' && to !== 'rgba');
  return ['nv12', 'rgb24', from];
}

/** Largest difference that is allowed, and the mean. */
function bounds(from: PixelFormat, to: PixelFormat): { max: number; mean: number } {
  const isDeep = [from, to].some((name) => name === 'p010' || name === 'gray16');
  // Overshoots of real footage are few: the mean holds.
  if (isYuv(from) && isGray(to)) return { max: 25, mean: isDeep ? 1 : 0.1 };
  return isDeep ? { max: 2.1, mean: 0.85 } : { max: 1, mean: 0.05 };
}

describe('conversions against swscale', { skip, timeout: 300_000 }, () => {
  for (const from of FORMATS) {
    it(`of ${from}: the same size, larger, a third`, () => {
      for (const to of targetsOf(from)) {
        const subsamples = !isYuv(from) && !isGray(from) && isYuv(to);
        for (const [width, height, filter] of [
          // swscale blurs on the way to half the columns, unless it goes by area.
          [WIDTH, HEIGHT, subsamples ? 'area' : 'bilinear'],
          ...(subsamples ? [] : [[344, 258, 'bilinear'] as const]),
          [84, 64, 'area'],
        ] as const) {
          const { max, mean } = differences({ from, to, width, height, filter });
          const bound = bounds(from, to);
          const what = `${from} to ${to} ${width}x${height}: max ${max}, mean ${mean}`;
          assert.ok(max <= bound.max && mean <= bound.mean, what);
        }
      }
    });
  }
});
