import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOf } from '../../../src/ffi/index.js';
import { koffi } from '../../../src/ffi/koffi.js';
import { ArgumentList, type KernelArgument } from '../../../src/gpu/kernel-arguments.js';

/** The bytes that the driver would read for arguments of these sizes. */
function read(pointers: Uint8Array, sizes: readonly number[]): Buffer[] {
  const view = new DataView(pointers.buffer, pointers.byteOffset);
  return sizes.map((size, index) => {
    const address = Number(view.getBigUint64(index * 8, true));
    return Buffer.from(Buffer.from(koffi().view(address, size)));
  });
}

const hex = (bytes: Buffer): string => bytes.toString('hex');

describe('the arguments of a kernel', () => {
  it('are laid out as C has them', () => {
    const list = new ArgumentList();
    const struct = Uint8Array.from({ length: 40 }, (_, index) => index);
    const values: [KernelArgument, string][] = [
      [0x7f12_3456_789an, '9a785634127f0000'],
      [2n ** 64n - 1n, 'ffffffffffffffff'],
      [7, '07000000'],
      [-2, 'feffffff'],
      [{ i32: -1 }, 'ffffffff'],
      [{ u32: 0xffff_fffe }, 'feffffff'],
      [{ u64: 2 ** 40 + 1 }, '0100000000010000'],
      [{ u64: 5n }, '0500000000000000'],
      [{ f32: 0.5 }, '0000003f'],
      [{ f64: -2 }, '00000000000000c0'],
      [{ bytes: struct }, Buffer.from(struct).toString('hex')],
      [{ u32: 1 }, '01000000'],
    ];
    const pointers = list.pack(values.map(([value]) => value));
    const sizes = values.map(([, bytes]) => bytes.length / 2);
    assert.deepEqual(
      read(pointers, sizes).map(hex),
      values.map(([, bytes]) => bytes),
    );
    list.assertSizes('kernel', sizes, values.length);
  });

  it('are aligned, and laid out anew each time in the same memory', () => {
    const list = new ArgumentList();
    const first = list.pack([1, { bytes: new Uint8Array(3) }, { f64: 1 }]);
    const address = addressOf(first);
    const second = list.pack([{ f64: 3 }, 4]);
    assert.equal(addressOf(second), address);
    assert.deepEqual(read(second, [8, 4]).map(hex), ['0000000000000840', '04000000']);
    const view = new DataView(first.buffer);
    for (let index = 0; index < 3; index += 1) {
      assert.equal(view.getBigUint64(index * 8, true) % 8n, 0n);
    }
  });

  it('grow', () => {
    const list = new ArgumentList();
    list.pack([1]);
    const many = Array.from({ length: 100 }, (_, index) => index);
    const pointers = list.pack(many);
    const found = read(pointers, Array(100).fill(4)).map((bytes) => bytes.readInt32LE(0));
    assert.deepEqual(found, many);
  });

  it('refuse what has no type or does not fit', () => {
    const list = new ArgumentList();
    const wrong: [unknown, RegExp][] = [
      [0.5, /argument 1 .*\{ f32: 0\.5 \}/],
      [2 ** 31, /-2147483648 to 2147483647/],
      [Number.NaN, /integer/],
      [{ u32: -1 }, /0 to 4294967295/],
      [{ i32: 2 ** 31 }, /integer/],
      [{ u64: -1 }, /integer/],
      [{ u64: 0.5 }, /integer/],
      [{ f32: '1' }, /number/],
      [{ bytes: [1, 2] }, /bytes/],
      ['1', /bigint, a number/],
      [null, /null/],
      [undefined, /undefined/],
      [{}, /got a object/],
    ];
    for (const [value, message] of wrong) {
      const values = [1, value] as KernelArgument[];
      assert.throws(() => list.pack(values), { name: 'TypeError', message }, String(value));
    }
    assert.throws(() => list.pack([-1n]), RangeError);
    assert.throws(() => list.pack([2n ** 64n]), RangeError);
    assert.throws(() => list.pack([{ bytes: new Uint8Array(40_000) }]), RangeError);
  });

  it('are compared with the sizes that the kernel declares', () => {
    const list = new ArgumentList();
    list.pack([1n, 2]);
    list.assertSizes('scale', [8, 4], 2);
    for (const declared of [[8], [8, 4, 4], [8, 8], []]) {
      assert.throws(() => list.assertSizes('scale', declared, 2), {
        name: 'TypeError',
        message: /^kernel 'scale' takes .*, got 2 arguments of 8, 4 bytes/,
      });
    }
  });
});
