import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSluiceError } from '../../../src/core/index.js';
import {
  resolveDimensions,
  type ShapeOption,
  shapesFromDimensions,
  tensorLayout,
} from '../../../src/tensor/index.js';

const layout = tensorLayout({
  tensors: {
    ids: { dtype: 'i64', shape: [64, 4096], variable: true },
    logits: { dtype: 'f32', shape: [64, 32000] },
    mask: { dtype: 'bool', shape: [9], variable: true },
  },
});
const single = tensorLayout({ tensors: { data: { dtype: 'u8', shape: [5, 5], variable: true } } });

describe('the shapes of a publish', () => {
  it('are written in the order of the layout; what is left out is largest', () => {
    assert.deepEqual([...resolveDimensions(layout, { mask: [0], ids: [1, 17] })], [1, 17, 0]);
    assert.deepEqual([...resolveDimensions(layout, { ids: [1, 17] })], [1, 17, 9]);
    assert.deepEqual([...resolveDimensions(layout, undefined)], [64, 4096, 9]);
  });

  it('may be one array for the only tensor', () => {
    assert.deepEqual([...resolveDimensions(single, [2, 3])], [2, 3]);
    assert.throws(
      () => resolveDimensions(layout, [2, 3]),
      /TypeError.*name one of ids, logits, mask/,
    );
  });

  it('may repeat a fixed shape, and nothing else for it', () => {
    assert.deepEqual([...resolveDimensions(layout, { logits: [64, 32000] })], [64, 4096, 9]);
    assert.throws(() => resolveDimensions(layout, { logits: [1, 32000] }), {
      name: 'RangeError',
      message: 'publish(): shape.logits[0] must be 64, got 1',
    });
  });

  it('are refused out of bounds, by name, by rank and by type', () => {
    const attempt = (shape: unknown) => () => resolveDimensions(layout, shape as ShapeOption);
    assert.throws(attempt({ ids: [65, 1] }), {
      name: 'RangeError',
      message: 'publish(): shape.ids[0] must be an integer from 0 to 64, got 65',
    });
    assert.throws(attempt({ ids: [-1, 1] }), RangeError);
    assert.throws(attempt({ ids: [1.5, 1] }), RangeError);
    assert.throws(attempt({ ids: [1] }), /RangeError.*must have 2 dimensions, has 1/);
    assert.throws(attempt({ ids: 'ab' }), TypeError);
    assert.throws(attempt({ ids: ['1', 1] }), TypeError);
    assert.throws(attempt({ idz: [1, 1] }), /TypeError.*shape names 'idz'; the tensors are ids/);
    assert.throws(attempt({ toString: [1] }), TypeError);
    assert.throws(attempt(null), TypeError);
    assert.throws(attempt(3), TypeError);
  });

  it('go into a list that the publisher reuses', () => {
    const into = new Uint32Array(22);
    assert.equal(resolveDimensions(layout, { ids: [3, 4] }, into), into);
    assert.deepEqual([...into.subarray(0, 4)], [3, 4, 9, 0]);
    assert.throws(() => resolveDimensions(layout, undefined, new Uint32Array(2)), RangeError);
  });
});

describe('the shapes of a received frame', () => {
  it('are those that were published', () => {
    const dimensions = resolveDimensions(layout, { ids: [1, 17] }, new Uint32Array(22));
    const shapes = shapesFromDimensions(layout, dimensions);
    assert.deepEqual({ ...shapes }, { ids: [1, 17], logits: [64, 32000], mask: [9] });
    assert.ok(Object.isFrozen(shapes) && Object.isFrozen(shapes['ids']));
  });

  it('are within bounds or PROTOCOL, whatever the record says', () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.integer({ min: 0, max: 70 }));
    fc.assert(
      fc.property(fc.array(number, { maxLength: 5 }), (dimensions) => {
        const inBounds = (value: number | undefined, max: number): boolean =>
          Number.isInteger(value) && value! >= 0 && value! <= max;
        const [a, b, c] = dimensions;
        if (inBounds(a, 64) && inBounds(b, 4096) && inBounds(c, 9)) {
          assert.deepEqual(shapesFromDimensions(layout, dimensions)['ids'], [a, b]);
          return;
        }
        assert.throws(
          () => shapesFromDimensions(layout, dimensions),
          (error) => isSluiceError(error, 'PROTOCOL'),
        );
      }),
    );
  });

  it('name what was wrong', () => {
    assert.throws(() => shapesFromDimensions(layout, [1, 5000, 1]), {
      code: 'PROTOCOL',
      message: 'a frame announced ids with dimension 1 = 5000, its format allows 0 to 4096',
    });
    assert.throws(() => shapesFromDimensions(layout, [1]), /announced 1 dimensions.* needs 3/);
  });
});
