/** The example clip as pictures and packets, and a publisher that goes as fast as the clients of a tap read. */
import { createHash } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type FramePublisher, video, type VideoFormat } from '../../src/index.js';
import type { Tap } from '../../src/video.js';

export const CLIP = fileURLToPath(new URL('../../../examples/media/people.mp4', import.meta.url));
export const SIZE = { width: 768, height: 576 } as const;
export const CLIP_FRAMES = 100;

/** Debian's own Python, which has its packages. */
export const PYTHON = '/usr/bin/python3';

export function hasProgram(...words: readonly string[]): boolean {
  const [command = '', ...rest] = words;
  return spawnSync(command, rest, { stdio: 'ignore' }).status === 0;
}

export const i420 = video({ ...SIZE, pixelFormat: 'i420' });

/** All pictures of the clip, decoded by ffmpeg: 66 MB of i420. */
export function clipPictures(): readonly Uint8Array[] {
  const words = ['-v', 'error', '-i', CLIP, '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-'];
  const { stdout } = spawnSync('ffmpeg', words, { maxBuffer: 1 << 27 });
  const pictureBytes = (SIZE.width * SIZE.height * 3) / 2;
  const count = stdout.length / pictureBytes;
  return Array.from({ length: count }, (_, index) =>
    stdout.subarray(index * pictureBytes, (index + 1) * pictureBytes),
  );
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Resolves when the condition holds; looks again after each turn of the event loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Publishes one picture after the other, each when the clients of the taps have read the one before. */
export async function publishInStep(
  publisher: FramePublisher<VideoFormat>,
  pictures: readonly Uint8Array[],
  ptsNs: (index: number) => number,
  taps: readonly Tap[],
): Promise<void> {
  const sent = (tap: Tap): number => tap.stats().framesSent;
  for (const [index, picture] of pictures.entries()) {
    const before = taps.map(sent);
    publisher.send(picture, { ptsNs: ptsNs(index) });
    await until(() =>
      taps.every((tap, at) => sent(tap) > before[at]! && tap.stats().waitingBytes === 0),
    );
  }
}

/** What a program writes to standard output, once it has ended. Rejects with what it says when it fails. */
export async function outputOf(words: readonly string[]): Promise<Buffer> {
  const [command = '', ...rest] = words;
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${errors}`);
  return Buffer.concat(chunks);
}

export async function linesOf(words: readonly string[]): Promise<readonly string[]> {
  const text = (await outputOf(words)).toString();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

export interface ClipPacket {
  readonly bytes: Uint8Array;
  readonly ptsNs: number;
  readonly dtsNs: number;
  readonly keyFrame: boolean;
}

/** What an access unit delimiter begins with. */
const DELIMITERS = { h264: [0, 0, 0, 1, 9], hevc: [0, 0, 0, 1, 0x46, 1] } as const;

/** All packets of a clip, in Annex B, with their times. */
export function clipPackets(
  path: string = CLIP,
  codec: 'h264' | 'hevc' = 'h264',
): readonly ClipPacket[] {
  const filters = `${codec}_mp4toannexb,${codec}_metadata=aud=insert`;
  const copy = ['-v', 'error', '-i', path, '-c', 'copy', '-bsf:v', filters, '-f', codec, '-'];
  const stream = spawnSync('ffmpeg', copy, { maxBuffer: 1 << 26 }).stdout;
  const delimiter = Buffer.from(DELIMITERS[codec]);
  const starts: number[] = [];
  for (let at = stream.indexOf(delimiter); at >= 0; at = stream.indexOf(delimiter, at + 1)) {
    starts.push(at);
  }
  const fields = 'packet=pts_time,dts_time,flags';
  const words = ['-v', 'error', '-show_entries', fields, '-of', 'compact', path];
  const text = spawnSync('ffprobe', words).stdout.toString();
  const times = [...text.matchAll(/pts_time=([\d.-]+)\|dts_time=([\d.-]+)\|flags=(.)/g)];
  return times.map(([, pts, dts, flag], index) => ({
    bytes: stream.subarray(starts[index], starts[index + 1]),
    ptsNs: Math.round(Number(pts) * 1e9),
    dtsNs: Math.round(Number(dts) * 1e9),
    keyFrame: flag === 'K',
  }));
}
