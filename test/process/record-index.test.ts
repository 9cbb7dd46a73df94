/** The index of recorded files, as a player of others sees it: it asks for it, and for what lies where it says. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packets } from '../../src/index.js';
import { openRecording } from '../../src/video.js';
import { Runtime } from './runtime.js';
import { clipPackets, hasProgram, until } from './tap-clip.js';

const skip = !hasProgram('ffmpeg', '-version') && 'no ffmpeg';
const INDEX = { mkv: Buffer.from([0x1c, 0x53, 0xbb, 0x6b]), mp4: Buffer.from('mfra') } as const;

/** What ffprobe, told to begin at `seconds`, says of the first packet, and where it read the file from. */
async function seek(bytes: Buffer, seconds: number): Promise<{ pts: number; asked: number[] }> {
  const asked: number[] = [];
  const server = createServer((request, response) => {
    const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from);
    const end = to === '' ? bytes.length : Number(to) + 1;
    asked.push(start);
    response.writeHead(206, {
      'accept-ranges': 'bytes',
      'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
      'content-length': end - start,
    });
    response.end(bytes.subarray(start, end));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const interval = ['-select_streams', 'v', '-read_intervals', `${seconds}%+#1`];
  const words = ['-v', 'error', ...interval, '-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const probe = spawn('ffprobe', [...words, `http://127.0.0.1:${port}/clip`]);
  let text = '';
  probe.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  await once(probe, 'close');
  server.closeAllConnections();
  server.close();
  return { pts: Number.parseFloat(text), asked };
}

describe('a recorded file', { skip }, () => {
  for (const type of ['mkv', 'mp4'] as const) {
    it(`has an index that players use, and says how long it is: ${type}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const format = packets({ codec: 'h264' });
      const publisher = await runtime.publisher('clip/packets', { format, ringBytes: 1 << 23 });
      const file = join(runtime.folder, `clip.${type}`);
      const recording = await openRecording('clip', { file, directory });
      await until(() => publisher.subscribers.length === 1);
      for (const packet of clipPackets()) await publisher.send(packet.bytes, packet);
      await publisher.close();
      await recording.closed;
      const bytes = readFileSync(file);
      assert.equal(recording.stats().bytes, bytes.length);
      const indexAt = bytes.lastIndexOf(INDEX[type]) - (type === 'mp4' ? 4 : 0);
      const { pts, asked } = await seek(bytes, 6);
      assert.ok(asked.includes(indexAt), `it asked for ${asked}, the index is at ${indexAt}`);
      assert.ok(pts >= 5 && pts <= 6, `${pts} s lies in the group of pictures of 6 s`);
      const duration = ['-show_entries', 'format=duration', '-of', 'csv=p=0', file];
      const seconds = Number(spawnSync('ffprobe', ['-v', 'error', ...duration]).stdout);
      // Decoding begins before the first picture is seen: that counts in Matroska.
      assert.ok(seconds >= 10 && seconds <= 10.2, `${seconds} s`);
    });
  }
});
