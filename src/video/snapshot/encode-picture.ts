/** Pictures as files: PNG by pngjs, JPEG by a child ffmpeg, which cameras need anyway. */
import { spawn } from 'node:child_process';
import { PNG } from 'pngjs';
import { printable, SluiceError } from '../../core/index.js';
import type { HostCopy } from '../../bus/index.js';
import { copyFromSlot, rawByteLength, rowRuns, type VideoFormat } from '../../format/index.js';
import { assertDescriptorsLeft } from '../../ffi/index.js';
import { STARTING_DESCRIPTORS, startFailure } from '../ffmpeg/index.js';

/** What a picture can be stored as. */
export type PictureFileFormat = 'png' | 'jpeg';
export const PICTURE_FILE_FORMATS = Object.freeze(['png', 'jpeg'] as const);

/** ffmpeg's scale: 1 is the best, 31 the smallest. */
const BEST = 1;
const WORST = 31;
const MAX_WORDS = 500;

/** The rows one behind the other, as rawvideo. */
function withoutPadding({ format, bytes }: HostCopy<VideoFormat>): Uint8Array {
  const raw = new Uint8Array(rawByteLength(format));
  copyFromSlot(rowRuns(format), bytes, raw);
  return raw;
}

/** A picture of rgb24 as a PNG. */
export function encodePng(picture: HostCopy<VideoFormat>): Uint8Array {
  const { width, height } = picture.format;
  const png = new PNG({ width, height, colorType: 2, inputHasAlpha: false });
  png.data = Buffer.from(withoutPadding(picture).buffer);
  return PNG.sync.write(png, { colorType: 2, inputHasAlpha: false });
}

/**
 * A picture of i420, full range and the matrix of BT.601 as JPEG has them. `quality` is 1 to 100. Rejects with
 * `UNSUPPORTED` where there is no ffmpeg, `TOO_MANY_FILES` where no descriptor is left for it, and `SYSTEM` when it fails.
 */
export async function encodeJpeg(
  picture: HostCopy<VideoFormat>,
  quality: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { width, height } = picture.format;
  const scale = Math.round(WORST - ((WORST - BEST) * quality) / 100);
  const input = [
    '-f',
    'rawvideo',
    '-pix_fmt',
    'yuvj420p',
    '-s',
    `${width}x${height}`,
    '-i',
    'pipe:0',
  ];
  const output = ['-frames:v', '1', '-q:v', String(scale), '-f', 'mjpeg', 'pipe:1'];
  try {
    assertDescriptorsLeft(STARTING_DESCRIPTORS);
  } catch (error) {
    throw startFailure(error as Error);
  }
  const child = spawn('ffmpeg', ['-v', 'error', ...input, ...output], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const pieces: Buffer[] = [];
  let words = '';
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (words = (words + text).slice(-MAX_WORDS)));
  // It may end before it has read everything: `close` tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(withoutPadding(picture));
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(signal?.aborted === true ? (signal.reason as Error) : startFailure(error));
    });
    child.once('close', (status) => {
      if (status === 0) resolve(Buffer.concat(pieces));
      else {
        const said = printable(words.trim());
        reject(
          new SluiceError('SYSTEM', `cannot make a JPEG: ffmpeg ended with ${status}: ${said}`),
        );
      }
    });
  });
}
