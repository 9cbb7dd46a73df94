import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  audio,
  frameAsTensor,
  frameByteLength,
  type FrameFormat,
  frameLayout,
  frameTensors,
  planeAsTensor,
  resolveShapes,
  shapesFromRecord,
  tensor,
  tensors,
  video,
} from '../../../src/format/index.js';

function slotOf(format: FrameFormat): { bytes: Uint8Array; address: bigint } {
  const slotBytes = Math.ceil(frameByteLength(format) / 64) * 64;
  return { bytes: new Uint8Array(new ArrayBuffer(slotBytes + 64), 64, slotBytes), address: 4096n };
}

const logits = tensors({
  ids: { dtype: 'i64', shape: [64, 10], variable: true },
  rows: { dtype: 'u8', shape: [2, 3], variable: true, strides: [16, 1] },
  logits: { dtype: 'f32', shape: [4] },
});
const sound = audio({ sampleRateHz: 48000, channels: 2, dtype: 'i16', maxSamples: 960 });

describe('the tensors of a frame', () => {
  it('have their largest shape in a loan', () => {
    const slot = slotOf(logits);
    const views = frameTensors(logits, slot);
    assert.deepEqual(Object.keys(views), ['ids', 'rows', 'logits']);
    assert.deepEqual(views.ids.shape, [64, 10]);
    assert.ok(views.ids.data instanceof BigInt64Array);
    assert.equal(views.rows.byteOffset, 5120);
    assert.equal(views.logits.pointer, 4096n + 5120n + 64n);
    assert.equal(views.logits.data.buffer, slot.bytes.buffer);
    assert.equal(views.logits.data.byteOffset, 64 + 5184);
  });

  it('have the shape that was published; explicit strides stay, others are dense', () => {
    const slot = slotOf(logits);
    const record = resolveShapes(logits, { ids: [2, 3], rows: [2, 1] }, new Uint32Array(22));
    const views = frameTensors(logits, slot, shapesFromRecord(logits, record));
    assert.deepEqual(
      [views.ids.shape, views.ids.strides],
      [
        [2, 3],
        [3, 1],
      ],
    );
    assert.equal(views.ids.data.length, 6);
    assert.deepEqual(
      [views.rows.shape, views.rows.strides],
      [
        [2, 1],
        [16, 1],
      ],
    );
    assert.equal(views.rows.data.length, 17);
    assert.deepEqual(views.logits.shape, [4]);
  });

  it('have one layout a frozen format', () => {
    assert.equal(frameLayout(logits), frameLayout(logits));
    assert.equal(frameLayout(logits).variableDimensionCount, 4);
    const loose = { ...tensor('u8', [1]) };
    assert.notEqual(frameLayout(loose), frameLayout(loose));
  });

  it('of sound are its samples, shorter at the end of a stream', () => {
    const slot = slotOf(sound);
    assert.deepEqual([...resolveShapes(sound, [100, 2])], [100, 2]);
    assert.deepEqual([...resolveShapes(sound)], [960, 2]);
    assert.throws(
      () => resolveShapes(sound, [100, 1]),
      /RangeError.*shape\.samples\[1\] must be 2/,
    );
    assert.throws(() => resolveShapes(sound, [961, 2]), RangeError);
    const shapes = shapesFromRecord(sound, [100, 2]);
    assert.throws(() => shapesFromRecord(sound, [100, 1]), { code: 'PROTOCOL' });
    const { samples } = frameTensors(sound, slot, shapes);
    assert.deepEqual([samples.dtype, samples.shape, samples.strides], ['i16', [100, 2], [2, 1]]);
    assert.deepEqual(frameAsTensor(sound, slot, shapes).shape, [100, 2]);
  });

  it('of video are none, and no shape travels', () => {
    const format = video({ width: 64, height: 64, pixelFormat: 'nv12' });
    assert.deepEqual(Object.keys(frameTensors(format, slotOf(format))), []);
    assert.equal(resolveShapes(format).length, 0);
    assert.deepEqual(Object.keys(shapesFromRecord(format, [])), []);
    assert.throws(() => resolveShapes(format, [64, 64]), TypeError);
  });
});

describe('a picture as a tensor', () => {
  it('is [H, W, C] with the pitch as row stride', () => {
    const format = video({ width: 5, height: 3, pixelFormat: 'rgb24' });
    const slot = slotOf(format);
    const view = frameAsTensor(format, slot);
    assert.deepEqual([view.dtype, view.shape, view.strides], ['u8', [3, 5, 3], [64, 3, 1]]);
    slot.bytes[2 * 64 + 4 * 3 + 1] = 77;
    assert.equal(view.asIndex(0, 2).asIndex(0, 4).asIndex(0, 1).data[0], 77);
  });

  it('is [H, W] in gray, of two bytes in gray16', () => {
    const format = video({ width: 33, height: 2, pixelFormat: 'gray16' });
    const view = frameAsTensor(format, slotOf(format));
    assert.deepEqual([view.dtype, view.shape, view.strides], ['u16', [2, 33], [64, 1]]);
  });

  it('is refused for several planes, each of which is one', () => {
    const format = video({ width: 6, height: 4, pixelFormat: 'nv12' });
    const slot = slotOf(format);
    assert.throws(() => frameAsTensor(format, slot), {
      name: 'TypeError',
      message:
        'asTensor(): an nv12 picture is no single tensor, it has the planes y, uv; ' +
        'use frame.planes, or publish a packed pixel format such as rgb24',
    });
    const uv = planeAsTensor(format, 1, slot);
    assert.deepEqual([uv.shape, uv.strides, uv.byteOffset], [[2, 3, 2], [64, 2, 1], 256]);
    assert.throws(() => planeAsTensor(format, 2, slot), RangeError);
  });
});

describe('a tensor frame as a tensor', () => {
  it('is its only tensor, and refused for several', () => {
    const format = tensor('f32', [2, 2]);
    assert.deepEqual(frameAsTensor(format, slotOf(format)).shape, [2, 2]);
    assert.throws(() => frameAsTensor(logits, slotOf(logits)), {
      name: 'TypeError',
      message:
        'asTensor(): the frame has 3 tensors: use frame.tensors with one of ids, rows, logits',
    });
  });
});
