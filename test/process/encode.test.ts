import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type CloseReason, video } from '../../src/index.js';
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

  for (const [codec, rate] of [
    ['h264', 25],
    ['h264', 10],
    ['h264', 60],
    ['hevc', 25],
    ['hevc', 60],
  ] as const) {
    it(`have as many bits as were asked for: ${codec}, ${rate} pictures a second`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const format = video({ width: 320, height: 240, pixelFormat: 'nv12' });
      const source = await runtime.publisher('wall', { format, slots: 40 });
      const options = { codec, bitsPerSecond: 80_000 * rate, directory };
      const encoder = await openEncoder('wall', 'wall', options);
      test.after(() => encoder.close());
      let begun = 0;
      // What is random cannot be foreseen: an encoder spends all that it may, and for a moment more.
      for (let index = 0; index <= 50; index += 1) {
        {
          using loan = source.tryLoan()!;
          randomFillSync(loan.bytes as Uint8Array);
          loan.publish({ ptsNs: Math.round((index * 1e9) / rate) });
        }
        await until(() => encoder.stats().packets === index + 1);
        // The rate is known by then.
        if (index === 20) begun = encoder.stats().bytes;
      }
      const bits = ((encoder.stats().bytes - begun) * 8) / 30;
      assert.ok(bits > 40_000 && bits < 160_000, `${bits} bits a picture instead of 80,000`);
    });
  }

  for (const codec of ['h264', 'hevc'] as const) {
    it(`state what their colours are: ${codec}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory, folder } = runtime;
      for (const [channel, stated, color] of [
        [
          'hdr',
          ['pc', 'bt2020nc', 'smpte2084', 'bt2020'],
          { matrix: 'bt2020nc', primaries: 'bt2020', transfer: 'smpte2084', range: 'full' },
        ],
        ['guessed', ['tv', 'smpte170m', 'bt709', 'smpte170m'], undefined],
        [
          'odd',
          ['tv', 'unknown', 'unknown', 'unknown'],
          { matrix: 'xyz', primaries: 'p-3', transfer: 'log', range: 'limited' },
        ],
      ] as const) {
        const size = { width: 128, height: 96, pixelFormat: 'nv12' } as const;
        const format = video(
          color === undefined ? size : { ...size, color: { ...color, guessed: false } },
        );
        const source = await runtime.publisher(channel, { format });
        const encoder = await openEncoder(channel, channel, { directory, codec });
        test.after(() => encoder.close());
        source.tryLoan()!.publish();
        const reader = await openPackets(`${channel}/packets`, { directory, start: 'oldest' });
        test.after(() => reader.close());
        const path = join(folder, `${channel}.${codec}`);
        writeFileSync(path, (await reader.receive()).bytes);
        const entries = 'stream=color_range,color_space,color_transfer,color_primaries';
        const words = ['-v', 'error', '-show_entries', entries, '-of', 'json', path];
        const { streams } = JSON.parse(String(await outputOf(['ffprobe', ...words]))) as {
          streams: [Record<string, string>];
        };
        const { color_range, color_space, color_transfer, color_primaries } = streams[0];
        // Limited is what is meant where nothing is said.
        const found = [color_range ?? 'tv', color_space, color_transfer, color_primaries];
        assert.deepEqual(
          found.map((word) => word ?? 'unknown'),
          stated,
        );
      }
    });
  }

  for (const codec of ['h264', 'hevc'] as const) {
    it(`keep their ten bits: ${codec}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory, folder } = runtime;
      const format = video({ width: 66, height: 50, pixelFormat: 'p010' });
      const source = await runtime.publisher('wall', { format });
      const encoder = await openEncoder('wall', 'wall', { codec, directory });
      test.after(() => encoder.close());
      const opening = openPackets('wall/packets', { directory, start: 'oldest' });
      const loan = source.tryLoan()!;
      const [luma, chroma] = loan.planes.map(
        ({ bytes }) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2),
      );
      luma!.fill(403 << 6);
      for (let at = 0; at < chroma!.length; at += 2) {
        chroma![at] = 301 << 6;
        chroma![at + 1] = 702 << 6;
      }
      loan.publish();
      const reader = await opening;
      test.after(() => reader.close());
      const path = join(folder, `out.${codec}`);
      writeFileSync(path, (await reader.receive()).bytes);
      const words = ['-v', 'error', '-i', path, '-f', 'rawvideo', '-'];
      const decoded = await outputOf(['ffmpeg', ...words]);
      const samples = new Uint16Array(new Uint8Array(decoded).buffer);
      const [lumaSamples, chromaSamples] = [66 * 50, 33 * 25];
      assert.equal(samples.length, lumaSamples + 2 * chromaSamples);
      const [y, u] = [samples[0], samples[lumaSamples]] as [number, number];
      const v = samples[lumaSamples + chromaSamples]!;
      for (const [found, given] of [
        [y, 403],
        [u, 301],
        [v, 702],
      ] as const) {
        // Less than a step of eight bits.
        assert.ok(Math.abs(found - given) <= 3, `${found} where ${given} was given`);
      }
    });
  }

  for (const [words, format, why] of [
    [
      'their pixels',
      video({ width: 64, height: 64, pixelFormat: 'rgba' }),
      /only nv12, i420, p010$/,
    ],
    ['their size', video({ width: 64, height: 63, pixelFormat: 'nv12' }), /only even sizes; /],
  ] as const) {
    it(`are refused where no encoder takes ${words}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const source = await runtime.publisher('wall', { format });
      const encoder = await openEncoder('wall/packets', 'wall', { directory });
      test.after(() => encoder.close());
      source.tryLoan()!.publish();
      const { reason, error } = await encoder.closed;
      assert.deepEqual([reason, error?.code], ['failed', 'FORMAT_MISMATCH']);
      assert.match(error?.message ?? '', why);
    });
  }

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

  it('say why there are none: no NVIDIA GPU, no such encoder, another reason', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const { PATH = '' } = process.env;
    test.after(() => (process.env['PATH'] = PATH));
    const format = video({ width: 320, height: 240, pixelFormat: 'nv12' });
    const source = await runtime.publisher('wall', { format });
    for (const [said, code, words] of [
      ['[h264_nvenc @ 0x55] Cannot load libcuda.so.1', 'UNSUPPORTED', /there is no NVIDIA GPU/],
      ['[h264_nvenc @ 0x55] No capable devices found', 'UNSUPPORTED', /GPU has no encoder/],
      ["Unknown encoder 'h264_nvenc'", 'UNSUPPORTED', /built without it/],
      ['[x @ 0x55] the moon is full', 'SYSTEM', /ffmpeg says: \[x @ 0x55\] the moon is full/],
    ] as const) {
      // It keeps the words that it was started with.
      const script = `#!/bin/sh\necho "$@" > ${folder}/words\necho "${said}" >&2\nexit 1\n`;
      writeFileSync(join(folder, 'ffmpeg'), script, { mode: 0o755 });
      process.env['PATH'] = `${folder}:${PATH}`;
      const asked = { encoder: 'nvenc', bitsPerSecond: 4_000_000, keyFrameInterval: 30 } as const;
      const encoder = await openEncoder('wall', 'wall', { directory, ...asked });
      test.after(() => encoder.close());
      let end: CloseReason | undefined;
      void encoder.closed.then((reason) => (end = reason));
      while (end === undefined) {
        source.tryLoan()?.publish();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assert.equal(end.error?.code, code);
      assert.match(end.error?.message ?? '', words);
      const given = readFileSync(join(folder, 'words'), 'utf8');
      assert.match(given, /-c:v h264_nvenc -preset p4 -tune ll -g 30 -bf 0 -b:v 4000000 /);
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
