import assert from 'node:assert/strict';
import { readSync } from 'node:fs';
import { describe, it } from 'node:test';
import { InvariantError } from '../../../src/core/index.js';
import {
  SystemCallError,
  closeDescriptor,
  ftruncate,
  mapShared,
  memfdCreate,
} from '../../../src/ffi/index.js';
import { runProgram } from './run-program.js';

function memfdOf(byteLength: number): number {
  const fd = memfdCreate('test', { sealing: true });
  ftruncate(fd, byteLength);
  return fd;
}

describe('mapShared', () => {
  it('shows the same bytes to every mapping and to the file', () => {
    const fd = memfdOf(10_000);
    const writer = mapShared(fd, 10_000, 'read-write');
    const reader = mapShared(fd, 10_000, 'read');
    new Uint8Array(writer.view(0, 10_000))[9_999] = 7;
    assert.equal(new Uint8Array(reader.view(9_000, 1_000))[999], 7);
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, 9_999);
    assert.equal(byte[0], 7);
    closeDescriptor(fd);
    new Uint8Array(writer.view(0, 10_000))[0] = 8;
    assert.equal(new Uint8Array(reader.view(0, 10_000))[0], 8);
    writer.close();
    reader.close();
  });

  it('gives the same view for the same range, and none outside', () => {
    const fd = memfdOf(8192);
    const mapping = mapShared(fd, 8192, 'read-write');
    closeDescriptor(fd);
    assert.equal(mapping.view(64, 128), mapping.view(64, 128));
    assert.notEqual(mapping.view(64, 128), mapping.view(64, 64));
    assert.equal(mapping.view(64, 128).byteLength, 128);
    for (const [offset, length] of [
      [0, 8193],
      [8192, 1],
      [-1, 10],
      [0, 0],
      [0.5, 1],
      [0, Number.NaN],
      [1, 2 ** 53],
    ] as const) {
      assert.throws(() => mapping.view(offset, length), RangeError, `${offset}+${length}`);
    }
    mapping.close();
  });

  it('refuses views over 2^32 - 1 bytes, which abort Node 20', () => {
    const fd = memfdOf(2 ** 32 + 4096);
    const mapping = mapShared(fd, 2 ** 32 + 4096, 'read');
    closeDescriptor(fd);
    assert.throws(() => mapping.view(0, 2 ** 32), RangeError);
    assert.equal(new Uint8Array(mapping.view(2 ** 32, 4096))[4095], 0);
    mapping.close();
  });

  it('refuses what is no size and no file', () => {
    for (const byteLength of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => mapShared(0, byteLength, 'read'), RangeError);
    }
    assert.throws(
      () => mapShared(999_999, 4096, 'read'),
      (error) => error instanceof SystemCallError && error.code === 'EBADF',
    );
  });
});

describe('close of a mapping', () => {
  it('leaves zeros to late readers and lets late writers write in vain', () => {
    const fd = memfdOf(8192);
    const writer = mapShared(fd, 8192, 'read-write');
    const reader = mapShared(fd, 8192, 'read');
    const written = new Uint8Array(writer.view(0, 8192)).fill(1);
    const seen = new Uint8Array(reader.view(0, 8192));
    const part = new Int32Array(reader.view(4096, 64));
    writer.close();
    assert.equal(written[100], 0);
    written[100] = 9;
    assert.equal(seen[100], 1, 'the memory of others is as it was');
    reader.close();
    assert.equal(seen[100], 0);
    assert.equal(Atomics.load(part, 0), 0);
    closeDescriptor(fd);
  });

  it('is idempotent and ends view()', () => {
    const fd = memfdOf(4096);
    const mapping = mapShared(fd, 4096, 'read-write');
    closeDescriptor(fd);
    mapping.close();
    mapping.close();
    assert.throws(() => mapping.view(0, 64), InvariantError);
  });

  const program = new URL('./mapping-program.js', import.meta.url);

  for (const scenario of ['unmaps-when-collected', 'unmaps-at-once', 'reports-dropped']) {
    it(`${scenario.replaceAll('-', ' ')}`, async () => {
      const result = await runProgram(program, [scenario], { nodeOptions: ['--expose-gc'] });
      assert.deepEqual([result.code, result.stdout], [0, 'ok\n'], result.stderr);
    });
  }

  it('a store through a read mapping kills the offender alone', async () => {
    const fd = memfdOf(4096);
    const mapping = mapShared(fd, 4096, 'read-write');
    const bytes = new Uint8Array(mapping.view(0, 4096)).fill(5);
    const result = await runProgram(program, ['writes-read-only'], { inherit: [fd] });
    assert.deepEqual([result.signal, result.stdout], ['SIGSEGV', 'reads 5\n'], result.stderr);
    assert.equal(bytes[0], 5);
    mapping.close();
    closeDescriptor(fd);
  });
});
