import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { video } from '../../src/index.js';
import {
  openCamera,
  openEncoder,
  openMosaic,
  openPackets,
  openTap,
  type Packet,
} from '../../src/video.js';
import { decodedByFfmpeg, withoutFfmpeg } from './camera-clips.js';
import { Runtime } from './runtime.js';
import { md5, outputOf, until } from './tap-clip.js';

const FRAMES = 30;

describe('frames encoded into packets', { skip: withoutFfmpeg ?? false }, () => {
  for (const codec of ['h264', 'hevc'] as const) {
    it(`are a stream that decodes, under the ids of the frames: ${codec}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory, folder } = runtime;
      const format = video({ width: 130, height: 98, pixelFormat: 'nv12' });
      const source = await runtime.publisher('wall', { format, slots: 40 });
      const encoder = await openEncoder('wall/packets', 'wall', {
        ...{ directory, codec, keyFrameInterval: 10 },
      });
      test.after(() => encoder.close());
      const packets: Packet[] = [];
      const opening = openPackets('wall/packets', { directory, start: 'oldest' });
      const put = (index: number): void => {
        using loan = source.tryLoan();
        assert.ok(loan !== undefined);
        loan.bytes.fill(16 + index * 4);
        loan.publish({ ptsNs: index * 40e6, id: BigInt(100 + index) });
      };
      put(0);
      const reader = await opening;
      test.after(() => reader.close());
      // One at a time: of frames that come faster than they are encoded some are passed over.
      for (let index = 0; index < FRAMES; index += 1) {
        if (index > 0) put(index);
        packets.push(await reader.receive());
      }
      assert.deepEqual(
        packets.map(({ id, ptsNs }) => [id, ptsNs]),
        Array.from({ length: FRAMES }, (_, index) => [BigInt(100 + index), index * 40e6]),
      );
      assert.deepEqual(
        packets.flatMap(({ keyFrame }, index) => (keyFrame ? [index] : [])),
        [0, 10, 20],
      );
      const path = join(folder, `out.${codec}`);
      writeFileSync(path, Buffer.concat(packets.map(({ bytes }) => bytes)));
      assert.equal(decodedByFfmpeg(path).length, FRAMES);
    });
  }

  for (const codec of ['h264', 'hevc'] as const) {
    it(`have as many bits as were asked for: ${codec}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const format = video({ width: 320, height: 240, pixelFormat: 'nv12' });
      const source = await runtime.publisher('wall', { format, slots: 40 });
      const options = { codec, bitsPerSecond: 2_000_000, directory };
      const encoder = await openEncoder('wall', 'wall', options);
      test.after(() => encoder.close());
      const put = (index: number): void => {
        using loan = source.tryLoan()!;
        randomFillSync(loan.bytes as Uint8Array);
        loan.publish({ ptsNs: index * 40e6 });
      };
      put(0);
      // What is random cannot be foreseen: an encoder spends all that it may, and for a moment more.
      for (let index = 1; index <= 50; index += 1) {
        await until(() => encoder.stats().packets === index);
        put(index);
      }
      const bytesASecond = encoder.stats().bytes / 2;
      assert.ok(bytesASecond > 125_000 && bytesASecond < 750_000, `${bytesASecond} bytes a second`);
    });
  }

  it('are refused where no encoder takes them', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const format = video({ width: 64, height: 64, pixelFormat: 'rgba' });
    const source = await runtime.publisher('wall', { format });
    const encoder = await openEncoder('wall/packets', 'wall', { directory });
    test.after(() => encoder.close());
    source.tryLoan()!.publish();
    const { reason, error } = await encoder.closed;
    assert.deepEqual([reason, error?.code], ['failed', 'FORMAT_MISMATCH']);
  });

  it('tell of their channel when another has it, and end', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const format = video({ width: 64, height: 64, pixelFormat: 'nv12' });
    const source = await runtime.publisher('wall', { format });
    await runtime.publisher('wall/packets', { format });
    const encoder = await openEncoder('wall/packets', 'wall', { directory });
    test.after(() => encoder.close());
    source.tryLoan()!.publish();
    const { reason, error } = await encoder.closed;
    assert.deepEqual([reason, error?.code], ['failed', 'CHANNEL_IN_USE']);
    for (const wrong of [{ packetRingBytes: 1 }, { keyFrameInterval: 0 }]) {
      await assert.rejects(openEncoder('a', 'wall', { directory, ...wrong }), RangeError);
    }
  });

  it('are those of frames that are complete', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const format = video({ width: 128, height: 96, pixelFormat: 'nv12' });
    const source = await runtime.publisher('wall', { format });
    const encoder = await openEncoder('wall/packets', 'wall', { directory });
    test.after(() => encoder.close());
    const loan = source.tryLoan()!;
    const { bytes, sequence } = { bytes: loan.bytes, sequence: loan.publish({ deferred: true }) };
    await until(() => encoder.stats().frames === 1);
    bytes.fill(128);
    source.complete(sequence);
    const reader = await openPackets('wall/packets', { directory, start: 'oldest' });
    test.after(() => reader.close());
    const path = join(folder, 'out.h264');
    writeFileSync(path, (await reader.receive()).bytes);
    const gray = Buffer.alloc((128 * 96 * 3) / 2, 128);
    assert.deepEqual(decodedByFfmpeg(path), [md5(gray)]);
  });

  it('bring a mosaic of cameras to whoever reads a tap of the same name', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const close = (part: AsyncDisposable): void => test.after(() => part[Symbol.asyncDispose]());
    for (const color of ['red', 'blue']) {
      const input = `lavfi:color=${color}:size=96x72:rate=25`;
      close(await openCamera(`camera/${color}`, { input, directory }));
    }
    const size = { width: 192, height: 72 };
    const named = ['camera/red', 'camera/blue'];
    close(await openMosaic('wall', named, { ...size, labels: false, directory }));
    const encoder = await openEncoder('wall', 'wall', { keyFrameInterval: 10, directory });
    close(encoder);
    assert.equal(encoder.channel, 'wall/packets');
    const socket = join(folder, 'wall.ts');
    const tap = await openTap('wall', { as: 'mpegts', socket, directory });
    close(tap);
    const input = ['-analyzeduration', '100000', '-f', 'mpegts', '-i', tap.url];
    const output = ['-frames:v', '25', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'];
    const bytes = await outputOf(['ffmpeg', '-v', 'error', ...input, ...output]);
    const pictureBytes = size.width * size.height * 3;
    assert.equal(bytes.length, 25 * pictureBytes);
    const last = bytes.subarray(-pictureBytes);
    const at = (x: number, channel: number): number => last[(36 * size.width + x) * 3 + channel]!;
    assert.ok(at(48, 0) > 200 && at(48, 2) < 50, 'red on the left');
    assert.ok(at(144, 0) < 50 && at(144, 2) > 200, 'blue on the right');
  });
});
