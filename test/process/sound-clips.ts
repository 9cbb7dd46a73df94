/** Clips with sound, ffmpeg's own decoding of it, and what a subscriber of the samples got. */
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type AudioFormat, type Frame } from '../../src/index.js';
import { ffmpeg } from './camera-clips.js';

/** Sound that is nowhere like itself, so that samples at a wrong place are found. */
const SOUND = 'aevalsrc=0.4*sin(2*PI*(200+90*t)*t)|0.3*sin(2*PI*(900-20*t)*t)';
const PICTURES = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p'];

/** Noise that AAC makes up itself depends on where its decoding began: without it. */
export const AAC = ['-c:a', 'aac', '-aac_pns', '0'];
export const ALAW = ['-c:a', 'pcm_alaw', '-ar', '8000', '-ac', '1'];

/** Small pictures, and sound in two channels. */
export function makeSoundClip(
  folder: string,
  name: string,
  encode: readonly string[],
  { seconds = 2, sampleRateHz = 44_100 } = {},
): string {
  const path = join(folder, name);
  const pictures = `testsrc2=size=64x48:rate=25:duration=${seconds}`;
  const sound = `${SOUND}:s=${sampleRateHz}:d=${seconds}`;
  const inputs = ['-f', 'lavfi', '-i', pictures, '-f', 'lavfi', '-i', sound];
  ffmpeg(...inputs, ...PICTURES, ...encode, path);
  return path;
}

/** All samples of a clip as ffmpeg decodes them: interleaved. */
export function samplesOf(path: string, dtype: 'f32' | 'i16', ...shape: readonly string[]): Buffer {
  const raw = dtype === 'f32' ? 'f32le' : 's16le';
  const words = ['-v', 'error', '-i', path, '-map', '0:a', ...shape, '-f', raw, '-'];
  return spawnSync('ffmpeg', words, { maxBuffer: 1 << 28 }).stdout;
}

export interface Block {
  readonly bytes: Buffer;
  readonly ptsNs: number;
  readonly captureTimeNs: number;
  readonly id: bigint;
  readonly discontinuity: boolean;
  readonly format: AudioFormat;
}

export function blockOf(frame: Frame<AudioFormat>): Block {
  const { ptsNs, captureTimeNs, id, format, flags } = frame;
  const bytes = Buffer.from(frame.bytes);
  return { bytes, ptsNs, captureTimeNs, id, format, discontinuity: flags.discontinuity };
}

/**
 * Every block is, to the bit, what ffmpeg has at its time. Encoders fill up their last packet: what lies behind the end
 * of the sound is not looked at. Returns the number of samples that were compared.
 */
export function assertSamples(blocks: readonly Block[], expected: Buffer, startNs = 0): number {
  let compared = 0;
  for (const { bytes, ptsNs, format } of blocks) {
    const sampleBytes = format.channels * (format.dtype === 'f32' ? 4 : 2);
    const sample = ((ptsNs - startNs) / 1e9) * format.sampleRateHz;
    const first = Math.round(sample);
    assert.ok(first >= 0, 'nothing lies before the beginning');
    assert.ok(Math.abs(sample - first) < 0.01, `${ptsNs} ns is the time of a sample: ${sample}`);
    const wanted = expected.subarray(first * sampleBytes, first * sampleBytes + bytes.length);
    assert.ok(bytes.subarray(0, wanted.length).equals(wanted), `the samples at ${ptsNs} ns`);
    compared += wanted.length / sampleBytes;
  }
  return compared;
}
