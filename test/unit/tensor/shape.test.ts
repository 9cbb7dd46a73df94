import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  contiguousStrides,
  DTYPES,
  elementByteLength,
  elementCount,
  extentElements,
  isContiguous,
  MAX_FRAME_BYTES,
  specByteLength,
  tensorLayout,
  type TensorSpec,
  tensorSpecProblem,
  tensorsProblem,
  viewTensorData,
} from '../../../src/tensor/index.js';

const spec = (shape: readonly number[], more: Partial<TensorSpec> = {}): TensorSpec => ({
  dtype: 'f32',
  shape,
  ...more,
});

describe('element types', () => {
  it('has the size of its typed array', () => {
    const sizes = DTYPES.map((dtype) => `${dtype} ${elementByteLength(dtype)}`);
    assert.deepEqual(
      sizes.join(', '),
      'bool 1, u8 1, u16 2, u32 4, u64 8, i8 1, i16 2, i32 4, i64 8, f16 2, bf16 2, f32 4, f64 8',
    );
  });

  it('shows memory without copying, little-endian', () => {
    const bytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0x80);
    assert.deepEqual(viewTensorData('u16', bytes.buffer, 8, 1), Uint16Array.of(0x201));
    assert.deepEqual(viewTensorData('bf16', bytes.buffer, 8, 1), Uint16Array.of(0x201));
    assert.deepEqual(
      viewTensorData('i64', bytes.buffer, 8, 1),
      BigInt64Array.of(0x201n - 2n ** 63n),
    );
    const shown = viewTensorData('bool', bytes.buffer, 0, 1);
    bytes[0] = 1;
    assert.equal(shown[0], 1);
  });
});

describe('strides', () => {
  it('are C-contiguous by default, with empty dimensions counted as one', () => {
    assert.deepEqual(contiguousStrides([2, 3, 4]), [12, 4, 1]);
    assert.deepEqual(contiguousStrides([2, 0, 4]), [4, 4, 1]);
    assert.deepEqual(contiguousStrides([]), []);
  });

  it('reach as far as the last element', () => {
    assert.equal(extentElements([2, 3], [8, 1]), 11);
    assert.equal(extentElements([], []), 1);
    assert.equal(extentElements([2, 0], [8, 1]), 0);
  });

  it('are contiguous or not, whatever the stride of a dimension of one', () => {
    assert.ok(isContiguous([1, 3], [99, 1]));
    assert.ok(isContiguous([0, 3], [99, 99]));
    assert.ok(!isContiguous([2, 3], [4, 1]));
    assert.ok(!isContiguous([2, 3], [1, 2]));
  });

  it('of a contiguous shape reach exactly its elements', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 6 });
    fc.assert(
      fc.property(shapes, (shape) => {
        assert.equal(extentElements(shape, contiguousStrides(shape)), elementCount(shape));
        assert.ok(isContiguous(shape, contiguousStrides(shape)));
      }),
    );
  });
});

describe('a tensor of a format', () => {
  const bad: readonly [string, unknown, RegExp][] = [
    ['no object', 7, /^t must be an object/],
    ['no such type', { dtype: 'f8', shape: [1] }, /^t\.dtype must be 'bool' or /],
    ['no shape', { dtype: 'f32' }, /^t\.shape must be an array/],
    ['rank 9', spec([1, 1, 1, 1, 1, 1, 1, 1, 1]), /^t\.shape\.length must be at most 8/],
    ['a negative dimension', spec([-1]), /^t\.shape\[0\] must be an integer from 0 to 2147483647/],
    ['a huge dimension', spec([2 ** 31]), /^t\.shape\[0\] must be an integer/],
    ['half a dimension', spec([1.5]), /^t\.shape\[0\]/],
    [
      'a text as dimension',
      { dtype: 'f32', shape: ['3'] },
      /^t\.shape\[0\] must be an integer, got/,
    ],
    ['a variable bound of 0', spec([0], { variable: true }), /must be an integer from 1 to/],
    ['variable as a number', { dtype: 'f32', shape: [1], variable: 1 }, /^t\.variable/],
    ['too many bytes', spec([2 ** 30]), /^t must be at most 4294967232 bytes/],
    ['huge but for one 0', spec([2 ** 31 - 1, 0, 2 ** 31 - 1]), /^t must be at most/],
    ['strides of another rank', spec([2, 3], { strides: [1] }), /^t\.strides\.length must be 2/],
    [
      'a repeating stride',
      spec([2, 3], { strides: [0, 1] }),
      /^t\.strides\[0\] must be an integer/,
    ],
    ['strides out of reach', spec([2, 3], { strides: [2 ** 30, 1] }), /^t must be at most/],
    ['many elements, overlapping', spec([2 ** 20, 2 ** 20], { strides: [1, 1] }), /^t must be at/],
  ];
  for (const [name, value, message] of bad) {
    it(`is refused: ${name}`, () => {
      const problem = tensorSpecProblem('t', value);
      assert.ok(problem);
      assert.match(
        `${problem.path} must be ${problem.needed}, got ${String(problem.found)}`,
        message,
      );
    });
  }

  it('is accepted up to the limits', () => {
    assert.equal(tensorSpecProblem('t', spec([])), undefined);
    assert.equal(tensorSpecProblem('t', spec([0, 5])), undefined);
    assert.equal(tensorSpecProblem('t', spec([MAX_FRAME_BYTES / 4])), undefined);
    assert.equal(tensorSpecProblem('t', spec([1, 3], { strides: [0, 1] })), undefined);
    assert.equal(tensorSpecProblem('t', spec([1, 1, 1, 1, 1, 1, 1, 1])), undefined);
  });

  it('with padded rows needs the bytes up to its last element', () => {
    assert.equal(specByteLength(spec([2, 3], { strides: [16, 1] })), 19 * 4);
    assert.equal(specByteLength(spec([2, 3])), 24);
  });
});

describe('the tensors of a frame', () => {
  it('lie one after the other at multiples of 64', () => {
    const { tensors, byteLength, variableDimensionCount } = tensorLayout({
      tensors: {
        ids: { dtype: 'i64', shape: [3], variable: true },
        mask: { dtype: 'bool', shape: [65] },
        none: { dtype: 'f64', shape: [0] },
        logits: { dtype: 'bf16', shape: [2, 2] },
      },
    });
    const places = tensors.map((each) => [each.name, each.byteOffset, each.byteLength]);
    assert.deepEqual(places, [
      ['ids', 0, 24],
      ['mask', 64, 65],
      ['none', 192, 0],
      ['logits', 192, 8],
    ]);
    assert.equal(byteLength, 200);
    assert.equal(variableDimensionCount, 1);
    assert.deepEqual(tensors[0]?.minShape, [0]);
    assert.deepEqual(tensors[1]?.minShape, [65]);
  });

  it('are at most 16', () => {
    const many = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, spec([1])]));
    assert.equal(tensorsProblem('tensors', many(16)), undefined);
    assert.equal(tensorsProblem('tensors', many(17))?.found, 17);
    assert.equal(tensorsProblem('tensors', many(0))?.found, 0);
    assert.equal(tensorsProblem('tensors', [spec([1])])?.category, 'type');
  });

  it('have names that are identifiers', () => {
    for (const name of ['', '1a', 'a b', 'a-b', 'a\u001b', 'é', 'x'.repeat(33), 'a\n']) {
      assert.ok(tensorsProblem('tensors', { [name]: spec([1]) }), JSON.stringify(name));
    }
    for (const name of ['a', '_1', 'constructor', 'x'.repeat(32)]) {
      assert.equal(tensorsProblem('tensors', { [name]: spec([1]) }), undefined, name);
    }
  });

  it('have at most 22 variable dimensions together', () => {
    const variable = (rank: number): TensorSpec =>
      spec(
        Array.from({ length: rank }, () => 1),
        { variable: true },
      );
    const good = { a: variable(8), b: variable(8), c: variable(6), d: spec([1, 1, 1]) };
    assert.equal(tensorsProblem('tensors', good), undefined);
    assert.equal(tensorsProblem('tensors', { ...good, c: variable(7) })?.found, 23);
  });

  it('have less than 4 GiB together', () => {
    const half = spec([2 ** 29]);
    assert.equal(tensorsProblem('tensors', { a: half }), undefined);
    assert.equal(tensorsProblem('tensors', { a: half, b: half })?.category, 'range');
  });
});
