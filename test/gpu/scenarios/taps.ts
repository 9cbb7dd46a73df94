/** Taps of pictures in the memory of a GPU: made there when clients get less than the whole, the same to the byte. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type FramePublisher, video, type VideoFormat } from '../../../src/index.js';
import { frameByteLength } from '../../../src/format/index.js';
import { openTap, type TapOptions } from '../../../src/video.js';
import { until } from '../../process/program.js';
import { GpuRuntime } from '../gpu-runtime.js';
import { options } from '../place.js';

const NV12 = video({ width: 64, height: 48, pixelFormat: 'nv12' });
const RGBA = video({ width: 36, height: 20, pixelFormat: 'rgba' });

/** The bytes of a slot, as no other picture has them, between the rows too. */
function picture(format: VideoFormat, seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length: frameByteLength(format) }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

interface Tapped {
  readonly bytes: Buffer;
  readonly subscribers: FramePublisher<VideoFormat>['subscribers'];
}

/** What a client reads of `count` pictures, and how the publisher saw the tap in the end. */
async function tapped(
  test: TestContext,
  memory: 'cuda' | 'host',
  formats: readonly VideoFormat[],
  how: Pick<TapOptions, 'as' | 'size' | 'pixelFormat'>,
): Promise<Tapped> {
  const runtime = new GpuRuntime(test);
  const { directory } = runtime;
  const socket = join(runtime.folder, `${memory}.sock`);
  const tap = await openTap('clip', { ...how, socket, directory });
  test.after(() => tap.close());
  const client = connect(socket);
  const closed = new Promise((resolve) => client.once('close', resolve));
  let bytes = Buffer.alloc(0);
  client.on('data', (chunk) => (bytes = Buffer.concat([bytes, chunk as Buffer])));
  // Once the publisher is there before the tap looks for it, and once behind.
  if (how.size?.width === 30) await until(() => tap.stats().clients === 1);
  const publisher = await runtime.publisher('clip', { format: formats[0]!, memory });
  await until(() => publisher.subscribers.length === 1 && tap.stats().reading);
  let subscribers: Tapped['subscribers'] = [];
  for (const [seed, format] of formats.entries()) {
    if (seed > 0 && format !== formats[seed - 1]) await publisher.setFormat(format);
    const { framesSent } = tap.stats();
    publisher.send(picture(format, seed), { ptsNs: (seed + 1) * 40_000_000 });
    await until(() => tap.stats().framesSent > framesSent && tap.stats().waitingBytes === 0);
    subscribers = publisher.subscribers;
  }
  await publisher.close();
  await closed;
  return { bytes, subscribers };
}

describe('a tap of a GPU', options, () => {
  const cases = [
    ['scaled', [NV12, NV12, NV12], { as: 'nut', size: { width: 32, height: 24 } }],
    [
      'scaled across a new format',
      [NV12, RGBA, NV12],
      { as: 'raw', size: { width: 30, height: 22 } },
    ],
    ['with fewer bytes a pixel', [RGBA, RGBA], { as: 'nut', pixelFormat: 'i420' }],
    ['gray', [NV12], { as: 'raw', pixelFormat: 'gray8' }],
  ] as const;
  for (const [name, formats, how] of cases) {
    it(`gives pictures ${name}, made on the GPU, as those of the host`, async (test) => {
      const ofGpu = await tapped(test, 'cuda', formats, how);
      const ofHost = await tapped(test, 'host', formats, how);
      assert.ok(ofHost.bytes.length > 0);
      assert.deepEqual(ofGpu.bytes, ofHost.bytes);
      const [tap] = ofGpu.subscribers;
      assert.equal(tap?.bytesCopied, 0, 'no picture was copied to the host in full size');
      assert.ok(tap.bytesInPlace > 0);
    });
  }

  it('has whole pictures copied by their publisher', async (test) => {
    const how = { as: 'raw', pixelFormat: 'i420' } as const;
    const ofGpu = await tapped(test, 'cuda', [NV12, NV12], how);
    const ofHost = await tapped(test, 'host', [NV12, NV12], how);
    assert.deepEqual(ofGpu.bytes, ofHost.bytes);
    assert.equal(ofGpu.subscribers[0]?.bytesInPlace, 0);
  });
});
