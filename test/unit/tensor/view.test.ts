import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dlpackDType, DTYPES, TensorView } from '../../../src/tensor/index.js';

/** Element [i, j] of a 3 × 4 matrix is 10 i + j; rows are 8 elements apart, from element 16 on. */
function paddedMatrix(): { view: TensorView<'f32'>; bytes: Uint8Array } {
  const buffer = new ArrayBuffer(256);
  const bytes = new Uint8Array(buffer, 64, 192);
  const all = new Float32Array(buffer, 64);
  for (let i = 0; i < 3; i++) for (let j = 0; j < 4; j++) all[16 + 8 * i + j] = 10 * i + j;
  const view = new TensorView({
    dtype: 'f32',
    shape: [3, 4],
    strides: [8, 1],
    bytes,
    byteOffset: 64,
  });
  return { view, bytes };
}

describe('a tensor view', () => {
  it('shows the memory from the first to the last element, not a copy', () => {
    const { view, bytes } = paddedMatrix();
    assert.ok(view.data instanceof Float32Array);
    assert.equal(view.data.length, 2 * 8 + 4);
    assert.equal(view.data[2 * 8 + 3], 23);
    assert.equal(view.data.buffer, bytes.buffer);
    assert.equal(view.data.byteOffset, 128);
    view.data[0] = 5;
    assert.equal(new Float32Array(bytes.buffer)[32], 5);
    assert.equal(view.data, view.data);
    assert.equal(view.contiguous, false);
  });

  it('is contiguous without strides, and may be empty or a scalar', () => {
    const bytes = new Uint8Array(64);
    const view = new TensorView({ dtype: 'i64', shape: [2, 3], bytes });
    assert.deepEqual(view.strides, [3, 1]);
    assert.equal(view.data.length, 6);
    assert.ok(view.contiguous);
    assert.equal(new TensorView({ dtype: 'u64', shape: [0, 3], bytes }).data.length, 0);
    assert.equal(new TensorView({ dtype: 'u8', shape: [], bytes }).data.length, 1);
  });

  it('refuses to leave the frame or to start between two elements', () => {
    const bytes = new Uint8Array(64);
    assert.throws(() => new TensorView({ dtype: 'f32', shape: [17], bytes }), {
      name: 'RangeError',
      message: 'a f32 tensor [17] ends at byte 68 of a frame of 64',
    });
    const far = { dtype: 'f32', shape: [2], strides: [16], bytes } as const;
    assert.throws(() => new TensorView(far), RangeError);
    assert.throws(
      () => new TensorView({ dtype: 'f32', shape: [1], bytes, byteOffset: 2 }),
      RangeError,
    );
    const odd = new Uint8Array(bytes.buffer, 1);
    assert.throws(() => new TensorView({ dtype: 'u16', shape: [1], bytes: odd }), RangeError);
    assert.equal(new TensorView({ dtype: 'u8', shape: [63], bytes: odd }).data.length, 63);
  });

  it('has the address of its first element when the frame has one', () => {
    const bytes = new Uint8Array(64);
    const options = { dtype: 'u8', shape: [2, 2], bytes, byteOffset: 8 } as const;
    assert.equal(new TensorView(options).pointer, 0n);
    const view = new TensorView({ ...options, address: 0x7f00_0000_0000n });
    assert.equal(view.pointer, 0x7f00_0000_0008n);
    assert.equal(view.asIndex(0, 1).pointer, 0x7f00_0000_000an);
  });
});

describe('a part of a tensor', () => {
  it('is a row, a column or an element of the same memory', () => {
    const { view, bytes } = paddedMatrix();
    const row = view.asIndex(0, 2);
    assert.deepEqual([row.shape, row.strides, [...row.data]], [[4], [1], [20, 21, 22, 23]]);
    const column = view.asIndex(1, 3);
    assert.deepEqual([column.shape, column.strides], [[3], [8]]);
    assert.deepEqual(
      [0, 8, 16].map((at) => column.data[at]),
      [3, 13, 23],
    );
    assert.equal(column.data.length, 17);
    assert.deepEqual([...column.asIndex(0, 1).data], [13]);
    assert.equal(column.data.buffer, bytes.buffer);
  });

  it('is a range of indices', () => {
    const { view } = paddedMatrix();
    const part = view.asSlice(1, 1, 3);
    assert.deepEqual([part.shape, part.strides, part.byteOffset], [[3, 2], [8, 1], 68]);
    assert.deepEqual([part.data[0], part.data[17]], [1, 22]);
    assert.equal(view.asSlice(0, 3, 3).data.length, 0);
    assert.deepEqual(view.asSlice(0, 0, 3).shape, [3, 4]);
    const [shape, strides, bytes] = [[3, 4], [8, 1], new Uint8Array(20)];
    const exact = new TensorView({ dtype: 'u8', shape, strides, bytes });
    assert.deepEqual(exact.asSlice(0, 3, 3).shape, [0, 4], 'starts within the frame');
  });

  it('is refused outside the tensor', () => {
    const { view } = paddedMatrix();
    assert.throws(() => view.asIndex(2, 0), /RangeError: asIndex\(\): axis must be an integer/);
    assert.throws(
      () => view.asIndex(0, 3),
      /RangeError: asIndex\(\): index must be an integer from 0/,
    );
    assert.throws(() => view.asSlice(0, 2, 1), RangeError);
    assert.throws(() => view.asSlice(0, 0, 4), RangeError);
    assert.throws(() => view.asSlice(0, -1, 2), RangeError);
  });
});

describe('the DLPack description', () => {
  it('is over the same memory: the first element stands at data + byteOffset', () => {
    const { view, bytes } = paddedMatrix();
    assert.deepEqual(view.asDLPack(), {
      device: [1, 0],
      dtype: { code: 2, bits: 32, lanes: 1 },
      shape: [3, 4],
      stridesElements: [8, 1],
      byteOffset: 64,
      data: bytes,
    });
    assert.equal(view.asDLPack().data, bytes);
  });

  it('has the numbers of dlpack.h', () => {
    const codes = DTYPES.map((dtype) => {
      const { code, bits } = dlpackDType(dtype);
      return `${dtype} ${code}/${bits}`;
    });
    assert.equal(
      codes.join(' '),
      'bool 6/8 u8 1/8 u16 1/16 u32 1/32 u64 1/64 i8 0/8 i16 0/16 i32 0/32 i64 0/64 ' +
        'f16 2/16 bf16 4/16 f32 2/32 f64 2/64',
    );
  });
});

describe('tensors in the memory of a GPU', () => {
  const bytes = { byteLength: 4096, address: 0x7f00_0000_0000n, device: [2, 1] } as const;
  const view = new TensorView({ dtype: 'f32', shape: [4, 8], byteOffset: 64, bytes });

  it('have a pointer, and no data for the processor', () => {
    assert.equal(view.pointer, 0x7f00_0000_0040n);
    assert.throws(() => view.data, { code: 'DEVICE_MEMORY' });
    assert.equal(view.asIndex(0, 2).pointer, 0x7f00_0000_0040n + 64n);
  });

  it('are described for DLPack with their device', () => {
    assert.deepEqual(view.asDLPack().device, [2, 1]);
    assert.equal(view.asDLPack().data, bytes);
  });

  it('stay inside the frame', () => {
    const long = { dtype: 'u8', shape: [4097], bytes } as const;
    assert.throws(() => new TensorView(long), RangeError);
  });
});
