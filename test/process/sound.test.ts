/** Sound of cameras as samples: to the bit what ffmpeg decodes, while somebody reads, and beside the packets. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { audio, isSluiceError, packets } from '../../src/index.js';
import { type Camera, type CameraOptions, openCamera } from '../../src/video.js';
import { cameraInput } from '../../src/video/camera/input.js';
import { PacketSource } from '../../src/video/camera/packet-source.js';
import type { SourcePacket } from '../../src/video/camera/source-packet.js';
import { toNs } from '../../src/video/ffmpeg/index.js';
import { PcmLine } from '../../src/video/sound/index.js';
import { withoutFfmpeg } from './camera-clips.js';
import { Runtime } from './runtime.js';
import {
  AAC,
  ALAW,
  assertSamples,
  type Block,
  blockOf,
  makeSoundClip,
  samplesOf,
} from './sound-clips.js';
import { hasProgram, md5, PYTHON, until } from './tap-clip.js';

const skip = withoutFfmpeg ?? false;
const CHANNEL = 'door/audio/pcm';

function sound(runtime: Runtime) {
  return runtime.subscriber(CHANNEL, { format: audio(), delivery: 'every', maxLag: 48 });
}

async function play(
  test: TestContext,
  runtime: Runtime,
  input: string,
  options: Partial<CameraOptions> = {},
): Promise<Camera> {
  const { directory } = runtime;
  const camera = await openCamera('door', {
    ...{ input, realtime: true, decode: 'demand', directory, whenMissing: 'fail' },
    ...options,
  });
  test.after(() => camera.close());
  return camera;
}

/** As they come, until they are enough or the channel ends. */
async function blocksOf(
  subscriber: Awaited<ReturnType<typeof sound>>,
  isEnough: (blocks: readonly Block[]) => boolean = () => false,
): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  try {
    while (!isEnough(blocks)) {
      using frame = await subscriber.receive();
      blocks.push(blockOf(frame));
    }
  } catch (error) {
    if (!isSluiceError(error, 'CLOSED')) throw error;
  }
  return blocks;
}

/** All blocks, with a pause before each. */
async function slowly(subscriber: Awaited<ReturnType<typeof sound>>): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  await blocksOf(subscriber, (found) => {
    blocks.push(...found.slice(blocks.length));
    const readyMs = performance.now() + 1;
    while (performance.now() < readyMs);
    return false;
  });
  return blocks;
}

describe('samples of a camera', { skip }, () => {
  const clips = [
    { name: 'AAC in MP4', file: 'clip.mp4', encode: AAC, pcm: {}, shape: [] },
    {
      name: 'A-law in Matroska, in i16',
      file: 'clip.mkv',
      encode: ALAW,
      pcm: { dtype: 'i16' },
      shape: [],
    },
  ] as const;
  for (const { name, file, encode, pcm, shape } of clips) {
    it(`are those that ffmpeg decodes, under the ids of their packets: ${name}`, async (test) => {
      const runtime = new Runtime(test);
      const clip = makeSoundClip(runtime.folder, file, encode);
      const whenLost = 'end';
      const opening = runtime.subscriber(CHANNEL, {
        ...{ format: audio(), delivery: 'every', maxLag: 48, whenLost },
      });
      const packetsOpening = runtime.subscriber('door/audio', {
        format: packets(),
        start: 'oldest',
        whenLost,
      });
      const camera = await play(test, runtime, clip, { pcm });
      assert.equal(camera.pcm, CHANNEL);
      const [subscriber, reader] = await Promise.all([opening, packetsOpening]);
      const blocks = await blocksOf(subscriber);
      const dtype = 'dtype' in pcm ? pcm.dtype : 'f32';
      const expected = samplesOf(clip, dtype, ...shape);
      const compared = assertSamples(blocks, expected);
      const [first] = blocks;
      const rate = first!.format.sampleRateHz;
      assert.ok(compared > rate, `more than a second of two: ${compared} samples`);
      assert.ok(blocks.every(({ discontinuity }) => !discontinuity));
      const byId = new Map<bigint, { ptsNs: number; captureTimeNs: number }>();
      for (let packet = reader.tryReceive(); packet !== undefined; packet = reader.tryReceive()) {
        byId.set(packet.packet!.id, packet.packet!);
      }
      for (const { id, ptsNs, captureTimeNs } of blocks) {
        const packet = byId.get(id);
        assert.equal(captureTimeNs, packet?.captureTimeNs);
        // A container in milliseconds rounds; a long packet is several blocks.
        assert.ok(Math.abs(ptsNs - packet!.ptsNs) < 2e6 || ptsNs > packet!.ptsNs);
      }
    });
  }

  it('are decoded only while somebody reads, and from the first on as if always', async (test) => {
    const runtime = new Runtime(test);
    const clip = makeSoundClip(runtime.folder, 'clip.mp4', AAC, { seconds: 60 });
    const camera = await play(test, runtime, clip);
    const expected = samplesOf(clip, 'f32');
    assert.equal(camera.processes.sound, undefined);
    const reader = await runtime.subscriber('door/audio', { format: packets() });
    let lastNs = 0;
    for (const round of [0, 1]) {
      const subscriber = await sound(runtime);
      const blocks = await blocksOf(subscriber, ({ length }) => length === 12);
      assert.notEqual(camera.processes.sound, undefined);
      assert.ok(assertSamples(blocks, expected) >= 11 * 1024);
      // The first may be the newest of the time before.
      const breaks = blocks.flatMap(({ discontinuity }, at) => (discontinuity ? [at] : []));
      const hole = blocks.findIndex(
        ({ ptsNs }, at) => at > 0 && ptsNs > blocks[at - 1]!.ptsNs + 50e6,
      );
      assert.deepEqual(breaks, round === 0 ? [] : [Math.max(hole, 0)]);
      assert.ok(hole <= 1, `a hole before block ${hole}`);
      lastNs = blocks.at(-1)!.ptsNs;
      await subscriber.close();
      await until(() => camera.processes.sound === undefined);
      while ((await reader.receive()).packet!.ptsNs < lastNs + 1e9);
    }
  });

  it('have the rate and channels that were asked for', async (test) => {
    const runtime = new Runtime(test);
    const clip = makeSoundClip(runtime.folder, 'clip.mp4', AAC, { seconds: 60 });
    const pcm = { dtype: 'i16', sampleRateHz: 16_000, channels: 1 } as const;
    await play(test, runtime, clip, { pcm });
    const subscriber = await sound(runtime);
    const { sampleRateHz, channels, dtype } = subscriber.manifest.format as Block['format'];
    assert.deepEqual({ sampleRateHz, channels, dtype }, pcm);
    const blocks = await blocksOf(subscriber, ({ length }) => length === 20);
    for (const [index, { ptsNs, bytes }] of blocks.slice(0, -1).entries()) {
      const lengthNs = (bytes.length / 2 / 16_000) * 1e9;
      assert.ok(Math.abs(blocks[index + 1]!.ptsNs - ptsNs - lengthNs) < 1e6, 'no hole');
    }
  });

  it('go on after a loss, at times that went on, also where the next sound is another', async (test) => {
    const runtime = new Runtime(test);
    const played = [ALAW, ALAW, AAC].map((encode, index) =>
      makeSoundClip(runtime.folder, `${index}.mkv`, encode, { seconds: 1 }),
    );
    let connections = 0;
    const server = createServer((_request, response) => {
      const clip = played[connections] ?? played[2]!;
      connections += 1;
      createReadStream(clip).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    test.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const opening = sound(runtime);
    const inputOptions = { readrate: '1' };
    await play(test, runtime, `http://127.0.0.1:${port}/sound.mkv`, { inputOptions });
    const blocks = await blocksOf(await opening, (found) => found.at(-1)?.format.channels === 2);
    const starts = blocks.flatMap(({ discontinuity }, index) => (discontinuity ? [index] : []));
    assert.ok(starts.length >= 1, 'the loss is marked');
    const times = blocks.map(({ ptsNs }) => ptsNs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const [second = 0] = starts;
    assert.ok(second > 0, 'the first connection was read');
    assert.ok(assertSamples(blocks.slice(0, second), samplesOf(played[0]!, 'f32')) > 0);
    assert.equal(blocks.at(-1)!.format.sampleRateHz, 44_100);
  });

  it('of a file wait for a slow reader, which gets each to the last', async (test) => {
    const runtime = new Runtime(test);
    const clip = makeSoundClip(runtime.folder, 'clip.mp4', AAC, { seconds: 30 });
    const ending = new AbortController();
    let holds = 0;
    const flow = {
      waits: true,
      hold: () => {
        holds += 1;
        source.hold();
      },
      release: () => source.release(),
    };
    const { directory } = runtime;
    const about = { flow, ending: ending.signal, onFailure: (error: Error) => assert.fail(error) };
    const line = new PcmLine(CHANNEL, { directory }, about);
    test.after(() => line.close());
    let reading: Promise<readonly Block[]> | undefined;
    let timeBase = { numerator: 1, denominator: 1 };
    // What was read before anybody reads.
    let early: SourcePacket[] | undefined = [];
    const take = (packet: SourcePacket): void =>
      line.take({ ...packet, ptsNs: toNs(packet.pts, timeBase), id: 1n });
    const source = new PacketSource(
      'door',
      cameraInput({ input: clip }),
      { sound: true, mendsTimes: false },
      {
        opened: (_video, stream) => {
          source.hold();
          timeBase = stream!.timeBase;
          void line
            .begin(stream)
            .then(() =>
              runtime.subscriber(CHANNEL, { format: audio(), delivery: 'every', whenLost: 'end' }),
            )
            .then((subscriber) => {
              reading = slowly(subscriber);
              for (const packet of early?.splice(0) ?? []) take(packet);
              early = undefined;
              source.release();
            });
        },
        picture: () => undefined,
        sound: (packet) => (early === undefined ? take(packet) : void early.push(packet)),
      },
    );
    assert.equal(await source.ended, undefined);
    await line.interrupt();
    await line.close();
    const expected = samplesOf(clip, 'f32');
    assert.equal(assertSamples((await reading)!, expected), expected.length / 8);
    assert.ok(holds > 0, 'the source was held');
  });

  const noNumpy = !hasProgram(PYTHON, '-c', 'import numpy') && 'no NumPy';
  it('are arrays in Python', { skip: noNumpy }, async (test) => {
    const runtime = new Runtime(test);
    const clip = makeSoundClip(runtime.folder, 'clip.mp4', AAC, { seconds: 60 });
    await play(test, runtime, clip);
    const path = (name: string): string =>
      fileURLToPath(new URL(`../../../${name}`, import.meta.url));
    const program = path('test/process/sound-reader.py');
    const child = spawn(PYTHON, [program, CHANNEL, runtime.directory, '20000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONPATH: path('python'), PYTHONDONTWRITEBYTECODE: '1' },
    });
    test.after(() => child.kill('SIGKILL'));
    const expected = samplesOf(clip, 'f32');
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [ptsNs, samples, channels, dtype, digest] = line.split(' ');
      const first = Math.round((Number(ptsNs) / 1e9) * 44_100);
      const bytes = expected.subarray(first * 8, (first + Number(samples)) * 8);
      assert.deepEqual([channels, dtype, digest], ['2', 'float32', md5(bytes)], line);
      count += Number(samples);
    }
    assert.ok(count >= 20_000);
  });
});
