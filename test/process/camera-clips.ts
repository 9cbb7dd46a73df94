/** Clips that ffmpeg makes for tests, its own decoding of them, and what a camera's subscriber saw, to be compared. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openSubscriber, type Frame, video, type VideoFormat } from '../../src/index.js';
import type { Camera, CameraStatus } from '../../src/video.js';

/** Why tests of cameras are skipped; undefined where they are not. */
export const withoutFfmpeg =
  spawnSync('ffmpeg', ['-version']).status === 0 ? undefined : 'ffmpeg is not installed';

export function ffmpeg(...words: string[]): string {
  const all = ['-v', 'error', '-y', ...words];
  return execFileSync('ffmpeg', all, { encoding: 'utf8', maxBuffer: 1 << 26 });
}

export interface ClipOptions {
  readonly size?: string;
  readonly seconds?: number;
  readonly source?: string;
  /** What follows the input. */
  readonly encode: readonly string[];
}

export const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25'];
export const H264_REORDERED = [...H264.slice(0, 2), '-bf', '2', '-pix_fmt', 'yuv420p', '-g', '25'];
export const HEVC_10 = [
  ...['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-tag:v', 'hvc1'],
  ...['-x265-params', 'log-level=error:keyint=25'],
];
export const HEVC = HEVC_10.map((word) => (word === 'yuv420p10le' ? 'yuv420p' : word));
export const MJPEG = ['-c:v', 'mjpeg', '-q:v', '3'];
const QUICK_VP9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '25'];
export const VP9 = [...QUICK_VP9, '-pix_fmt', 'yuv420p'];
export const VP9_10 = [...QUICK_VP9, '-pix_fmt', 'yuv420p10le'];
const QUICK_AV1 = ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-g', '25'];
export const AV1 = [...QUICK_AV1, '-pix_fmt', 'yuv420p'];
export const AV1_10 = [...QUICK_AV1, '-pix_fmt', 'yuv420p10le'];

/** 25 pictures a second. */
export function makeClip(folder: string, name: string, options: ClipOptions): string {
  const path = join(folder, name);
  const { size = '322x242', seconds = 2, source = 'testsrc2', encode } = options;
  const input = `${source}=size=${size}:rate=25:duration=${seconds}`;
  ffmpeg('-f', 'lavfi', '-i', input, ...encode, path);
  return path;
}

/** What ffmpeg's own decoder makes of a clip: the MD5 of each picture, in order. */
export function decodedByFfmpeg(path: string, pixelFormat: 'nv12' | 'p010' = 'nv12'): string[] {
  const name = pixelFormat === 'p010' ? 'p010le' : pixelFormat;
  const every = ['-map', '0:v:0', '-fps_mode', 'passthrough'];
  const text = ffmpeg('-i', path, ...every, '-pix_fmt', name, '-f', 'framemd5', '-');
  return text
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(',').at(-1)!.trim());
}

/** The MD5 of a picture without padding, as framemd5 has it. */
export function digestOf(frame: Frame<VideoFormat>): string {
  const hash = createHash('md5');
  const bytesPerSample = frame.format.pixelFormat === 'p010' ? 2 : 1;
  for (const [index, { bytes, width, height, pitchBytes }] of frame.planes.entries()) {
    const channels = index === 0 ? 1 : 2;
    for (let row = 0; row < height; row += 1) {
      const start = row * pitchBytes;
      hash.update(bytes.subarray(start, start + width * channels * bytesPerSample) as Uint8Array);
    }
  }
  return hash.digest('hex');
}

export interface Seen {
  readonly digest: string;
  readonly ptsNs: number;
  readonly id: bigint;
  readonly keyFrame: boolean;
  readonly discontinuity: boolean;
  readonly width: number;
  readonly epoch: number;
}

export interface WatchOptions {
  readonly keyFramesOnly?: boolean;
  readonly copyTo?: 'host';
  /** How far it may be behind; needs as many slots. */
  readonly maxLag?: number;
}

/** A subscriber that notes every frame until it is closed, and lets others wait for some. */
export class Watcher {
  readonly seen: Seen[] = [];
  readonly #over = new AbortController();
  #onFrame: () => void = () => undefined;
  readonly done: Promise<void>;

  constructor(channel: string, directory: string, options: WatchOptions = {}) {
    this.done = this.#watch(channel, directory, options);
  }

  async #watch(channel: string, directory: string, options: WatchOptions): Promise<void> {
    const { signal } = this.#over;
    const wanted = { format: video(), delivery: 'every', maxLag: 4, directory, signal } as const;
    try {
      await using subscriber = await openSubscriber(channel, { ...wanted, ...options });
      for await (const frame of subscriber) {
        const { keyFrame, discontinuity } = frame.flags;
        const { ptsNs, id, epoch, format } = frame;
        const digest = digestOf(frame);
        this.seen.push({ digest, ptsNs, id, keyFrame, discontinuity, epoch, width: format.width });
        this.#onFrame();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Resolves when what was seen is enough. */
  async until(isEnough: (seen: readonly Seen[]) => boolean): Promise<void> {
    while (!isEnough(this.seen)) await new Promise<void>((resolve) => (this.#onFrame = resolve));
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.done;
  }
}

/** The first of a kind that a camera tells. */
export async function statusOf(camera: Camera, type: CameraStatus['type']): Promise<CameraStatus> {
  for await (const status of camera.status()) if (status.type === type) return status;
  throw new Error('the camera ended before');
}
