/** A channel with the packets of a clip, and what ffmpeg makes of the files into which they are recorded. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { packets } from '../../src/index.js';
import { ffmpeg } from './camera-clips.js';
import { Runtime } from './runtime.js';
import { CLIP, type ClipPacket, clipPackets, clipPictures, md5 } from './tap-clip.js';

const X265 = 'log-level=error:keyint=50:min-keyint=50:scenecut=0:bframes=0:open-gop=0';

export interface EncodedClip {
  readonly packets: readonly ClipPacket[];
  /** The MD5 of each picture. */
  readonly sums: readonly string[];
}

/** The MD5 of each picture of a file; what is damaged in it is left out. */
export function picturesOf(path: string): readonly string[] {
  const words = ['-v', 'quiet', '-i', path, '-map', '0:v', '-fps_mode', 'passthrough'];
  const { stdout } = spawnSync('ffmpeg', [...words, '-f', 'framemd5', '-'], { maxBuffer: 1 << 24 });
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');
}

/** Counts of packets in a file: of pictures and of sound. */
export function packetCounts(file: string): readonly number[] {
  const fields = ['-show_entries', 'stream=nb_read_packets', '-of', 'csv=p=0'];
  const probe = spawnSync('ffprobe', ['-v', 'error', '-count_packets', ...fields, file]);
  return probe.stdout.toString().trim().split('\n').map(Number);
}

/** The example clip as it is, or smaller and encoded again. */
export function encodedClip(codec: 'h264' | 'hevc', folder: string): EncodedClip {
  if (codec === 'h264') return { packets: clipPackets(), sums: clipPictures().map(md5) };
  const path = join(folder, 'hevc.mp4');
  const encode = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', X265];
  ffmpeg('-i', CLIP, '-an', '-vf', 'scale=192:144', ...encode, '-tag:v', 'hvc1', path);
  return { packets: clipPackets(path, 'hevc'), sums: picturesOf(path) };
}

/** `clip/packets`. `send` publishes those from one index to another. */
export async function channelOf(test: TestContext, codec: 'h264' | 'hevc' = 'h264') {
  const runtime = new Runtime(test);
  const clip = encodedClip(codec, runtime.folder);
  const format = packets({ codec });
  const publisher = await runtime.publisher('clip/packets', { format, ringBytes: 1 << 23 });
  const send = async (from: number, to: number): Promise<void> => {
    for (const packet of clip.packets.slice(from, to)) await publisher.send(packet.bytes, packet);
  };
  return { runtime, publisher, send, clip };
}
