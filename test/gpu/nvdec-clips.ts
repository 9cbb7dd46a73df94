/**
 * Clips and what ffmpeg's software decoder makes of them, for machines with a GPU and without ffmpeg: made where ffmpeg
 * is, kept in dist/, and found there when dist/ is carried over.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./clips/', import.meta.url));

export interface GpuClip {
  readonly name: string;
  /** A NUT file. */
  readonly nut: Uint8Array;
  readonly pixelFormat: 'nv12' | 'p010';
  /** The MD5 of each picture, in the order in which they are shown. */
  readonly digests: readonly string[];
}

interface Recipe {
  readonly pixelFormat: 'nv12' | 'p010';
  readonly size: string;
  readonly encode: readonly string[];
}

const VP9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'];
const AV1 = ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8'];

/** B-frames, sizes that are no whole number of blocks, 8 and 10 bits. */
const RECIPES: Readonly<Record<string, Recipe>> = {
  h264: {
    pixelFormat: 'nv12',
    size: '642x362',
    encode: ['-c:v', 'libx264', '-bf', '2', '-g', '20', '-pix_fmt', 'yuv420p'],
  },
  hevc: {
    pixelFormat: 'nv12',
    size: '642x362',
    encode: ['-c:v', 'libx265', '-pix_fmt', 'yuv420p', '-x265-params', 'log-level=error:keyint=20'],
  },
  'hevc-10': {
    pixelFormat: 'p010',
    size: '642x362',
    encode: ['-c:v', 'libx265', '-pix_fmt', 'yuv420p10le', '-x265-params', 'log-level=error'],
  },
  vp9: { pixelFormat: 'nv12', size: '640x360', encode: [...VP9, '-pix_fmt', 'yuv420p'] },
  'vp9-10': { pixelFormat: 'p010', size: '640x360', encode: [...VP9, '-pix_fmt', 'yuv420p10le'] },
  av1: { pixelFormat: 'nv12', size: '640x360', encode: [...AV1, '-pix_fmt', 'yuv420p'] },
  'av1-10': { pixelFormat: 'p010', size: '640x360', encode: [...AV1, '-pix_fmt', 'yuv420p10le'] },
};

function ffmpeg(...words: string[]): string {
  const all = ['-v', 'error', '-y', ...words];
  return execFileSync('ffmpeg', all, { encoding: 'utf8', maxBuffer: 1 << 26 });
}

function make(name: string, { pixelFormat, size, encode }: Recipe): void {
  const source = join(FOLDER, `${name}.mkv`);
  const picture = `testsrc2=size=${size}:rate=25:duration=2`;
  ffmpeg('-f', 'lavfi', '-i', picture, ...encode, source);
  ffmpeg('-i', source, '-c', 'copy', '-f', 'nut', join(FOLDER, `${name}.nut`));
  const pixels = pixelFormat === 'p010' ? 'p010le' : 'nv12';
  const text = ffmpeg('-i', source, '-pix_fmt', pixels, '-f', 'framemd5', '-');
  const digests = text
    .split('\n')
    .flatMap((line) => (/^\d/.test(line) ? [line.split(',').at(-1)!.trim()] : []));
  writeFileSync(join(FOLDER, `${name}.json`), JSON.stringify(digests));
}

function missingClips(): string[] {
  return Object.keys(RECIPES).filter((name) => !existsSync(join(FOLDER, `${name}.json`)));
}

/** All clips, or why there are none. */
export function gpuClips(): readonly GpuClip[] | string {
  mkdirSync(FOLDER, { recursive: true });
  const missing = missingClips();
  if (missing.length > 0 && spawnSync('ffmpeg', ['-version']).status !== 0) {
    return `no clips in ${FOLDER}, and no ffmpeg to make them: run dist/test/gpu/nvdec-clips.js where ffmpeg is, and carry dist/`;
  }
  for (const name of missing) make(name, RECIPES[name]!);
  return Object.entries(RECIPES).map(([name, { pixelFormat }]) => ({
    name,
    pixelFormat,
    nut: readFileSync(join(FOLDER, `${name}.nut`)),
    digests: JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as string[],
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) gpuClips();
