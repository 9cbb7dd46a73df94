/** Pictures of a channel in other formats, in private memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensor, video } from '../../../src/index.js';
import { Bench } from './bench.js';

describe('frame.toFormat()', { timeout: 20_000 }, () => {
  const format = video({ width: 64, height: 32, pixelFormat: 'nv12' });

  it('converts a picture that is read in place', async (t) => {
    const bench = new Bench(t);
    const camera = await bench.publisher('camera', { format });
    const view = await bench.subscriber('camera', { format: video() });
    const loan = camera.tryLoan()!;
    loan.planes[0]!.bytes.fill(235);
    loan.planes[1]!.bytes.fill(128);
    loan.publish({ ptsNs: 7 });
    using frame = await view.receive();
    const rgb = await frame.toFormat({ pixelFormat: 'rgb24', width: 32 });
    assert.deepEqual([rgb.format.width, rgb.format.height, rgb.ptsNs], [32, 16, 7]);
    assert.equal(rgb.id, frame.id);
    assert.ok(rgb.planes[0]!.bytes.subarray(0, 96).every((value) => value === 255));
    const square = await frame.toFormat({
      pixelFormat: 'gray8',
      width: 32,
      height: 32,
      padding: [0, 0, 0],
    });
    const column = Array.from({ length: 32 }, (_, y) => square.planes[0]!.bytes[y * 64]);
    assert.deepEqual(column, [...Array(8).fill(16), ...Array(16).fill(235), ...Array(8).fill(16)]);
    assert.equal(square.format.color?.matrix, 'bt601');
    assert.ok(view.stats().bytesCopied > 0);
    await assert.rejects(frame.toFormat({ pixelFormat: 'rgb25' as 'rgb24' }), TypeError);
    await assert.rejects(frame.toFormat({ pixelFormat: 'rgb24', width: 0 }), RangeError);
  });

  it('refuses what is no picture', async (t) => {
    const bench = new Bench(t);
    const numbers = await bench.publisher('numbers', { format: tensor('u8', [4]) });
    const view = await bench.subscriber('numbers', { format: tensor('u8', [4]) });
    numbers.send(new Uint8Array(4));
    using frame = await view.receive();
    await assert.rejects(frame.toFormat({ pixelFormat: 'rgb24' }), /frame of tensor/);
  });
});
