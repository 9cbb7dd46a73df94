import assert from 'node:assert/strict';
import { openSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../../src/core/index.js';
import {
  SEAL,
  SystemCallError,
  TMPFS_MAGIC,
  addSeals,
  closeDescriptor,
  duplicateDescriptor,
  fallocate,
  fileStatus,
  ftruncate,
  getSeals,
  mapShared,
  memfdCreate,
  type MappingAccess,
} from '../../../src/ffi/index.js';
import {
  READER_PAGE_BYTES,
  assertEnforcedSeals,
  assertEnoughMemory,
  createReaderPage,
  createSealedRegion,
  hostMemory,
  importRegion,
} from '../../../src/memory/index.js';
import { makePipe, openDescriptors, socketPair, temporaryDirectory } from '../ffi/descriptors.js';
import { runProgram } from '../ffi/run-program.js';

const BYTES = 8192;
const READ_ONLY = SEAL.SHRINK | SEAL.GROW | SEAL.FUTURE_WRITE | SEAL.SEAL;
const SHARED = SEAL.SHRINK | SEAL.GROW | SEAL.SEAL;

function memfdWith(seals: number, byteLength = BYTES, allocate = true): number {
  const fd = memfdCreate('test', { sealing: true });
  ftruncate(fd, byteLength);
  if (allocate) fallocate(fd, byteLength);
  if (seals !== 0) addSeals(fd, seals);
  return fd;
}

/** `importRegion` must refuse with PROTOCOL, and neither leak nor keep the descriptor. */
function assertRefused(make: () => number, access: MappingAccess, found: RegExp): void {
  // The first call of a process also tries the seals of the kernel.
  assertEnforcedSeals();
  const before = openDescriptors();
  const fd = make();
  assert.throws(
    () => importRegion(fd, { byteLength: BYTES, access }),
    (error) => {
      assert.ok(isSluiceError(error, 'PROTOCOL'), String(error));
      assert.match(error.message, found);
      return true;
    },
  );
  assert.equal(openDescriptors(), before);
}

describe('createSealedRegion', () => {
  it('is written by its owner and can only be read through the descriptor', () => {
    const region = createSealedRegion('test', BYTES);
    assert.equal(region.byteLength, BYTES);
    assert.equal(region.buffer.byteLength, BYTES);
    const { descriptor } = region;
    assert.equal(getSeals(descriptor) & READ_ONLY, READ_ONLY);
    assert.equal(fileStatus(descriptor).allocatedBytes, BYTES);
    const reader = importRegion(duplicateDescriptor(descriptor), {
      byteLength: BYTES,
      access: 'read',
    });
    new Uint32Array(region.buffer)[1] = 0xfeedbeef;
    assert.equal(new Uint32Array(reader.buffer)[1], 0xfeedbeef);
    assert.equal(reader.descriptor, -1);
    assert.throws(
      () => mapShared(descriptor, BYTES, 'read-write'),
      (error) => error instanceof SystemCallError && error.code === 'EPERM',
    );
    for (const size of [0, BYTES - 1, BYTES + 1]) {
      assert.throws(() => ftruncate(descriptor, size), SystemCallError);
    }
    region.close();
    region.close();
    assert.equal(region.descriptor, -1);
    assert.equal(new Uint32Array(region.buffer)[1], 0);
    assert.equal(new Uint32Array(reader.buffer)[1], 0xfeedbeef);
    reader.close();
    assert.equal(new Uint32Array(reader.buffer)[1], 0);
  });

  it('refuses what is no size', () => {
    for (const byteLength of [0, -1, 0.5, Number.NaN, 2 ** 32]) {
      assert.throws(() => createSealedRegion('test', byteLength), RangeError);
    }
  });

  it('takes any label', () => {
    createSealedRegion('é'.repeat(1000), 64).close();
  });
});

describe('createReaderPage', () => {
  it('is written by both sides and keeps its size', () => {
    const page = createReaderPage('test');
    const options = { byteLength: READER_PAGE_BYTES, access: 'read-write' } as const;
    const peer = importRegion(duplicateDescriptor(page.descriptor), options);
    Atomics.store(new Int32Array(peer.buffer), 5, 42);
    assert.equal(Atomics.load(new Int32Array(page.buffer), 5), 42);
    Atomics.store(new Int32Array(page.buffer), 6, 43);
    assert.equal(Atomics.load(new Int32Array(peer.buffer), 6), 43);
    assert.throws(() => ftruncate(page.descriptor, 0), SystemCallError);
    page.close();
    peer.close();
  });
});

describe('importRegion refuses', () => {
  it('what is not a memfd', () => {
    const directory = temporaryDirectory();
    const path = join(directory.path, 'file');
    writeFileSync(path, Buffer.alloc(BYTES));
    for (const access of ['read', 'read-write'] as const) {
      assertRefused(() => openSync(path, 'r+'), access, /not a memfd/);
      const pipeEnd = (): number => {
        const { readEnd, writeEnd } = makePipe();
        closeDescriptor(writeEnd);
        return readEnd;
      };
      assertRefused(pipeEnd, access, /not a memfd/);
      const socket = (): number => {
        const { client, server } = socketPair();
        closeDescriptor(server);
        return client;
      };
      assertRefused(socket, access, /not a memfd/);
      assertRefused(() => openSync('/dev/zero', 'r+'), access, /not a memfd/);
      assertRefused(() => openSync('/', 'r'), access, /not a memfd/);
    }
    directory.remove();
  });

  it('a regular file on tmpfs', (context) => {
    const path = `/dev/shm/sluice-test-${process.pid}`;
    try {
      writeFileSync(path, Buffer.alloc(BYTES));
    } catch {
      return context.skip('no writable /dev/shm');
    }
    const fd = openSync(path, 'r+');
    unlinkSync(path);
    if (fileStatus(fd).fileSystemMagic !== TMPFS_MAGIC) return context.skip('no tmpfs');
    const duplicate = (): number => duplicateDescriptor(fd);
    assertRefused(duplicate, 'read', /its seals are 0x1,/);
    closeDescriptor(fd);
  });

  it('missing seals, each of them', () => {
    for (const seal of [SEAL.SHRINK, SEAL.GROW, SEAL.FUTURE_WRITE, SEAL.SEAL]) {
      assertRefused(() => memfdWith(READ_ONLY & ~seal), 'read', /its seals are/);
    }
    for (const seal of [SEAL.SHRINK, SEAL.GROW, SEAL.SEAL]) {
      assertRefused(() => memfdWith(SHARED & ~seal), 'read-write', /its seals are/);
    }
    assertRefused(() => memfdWith(0), 'read', /its seals are/);
    assertRefused(() => memfdWith(READ_ONLY), 'read-write', /forbid writing/);
  });

  it('a file that its sender can still shrink under the reader', () => {
    const sender = memfdWith(SEAL.GROW);
    assertRefused(() => duplicateDescriptor(sender), 'read', /its seals are/);
    ftruncate(sender, 0);
    closeDescriptor(sender);
  });

  it('another size than announced', () => {
    assertRefused(() => memfdWith(READ_ONLY, BYTES - 1), 'read', /8191 bytes, and 8192/);
    assertRefused(() => memfdWith(READ_ONLY, BYTES + 1), 'read', /8193 bytes, and 8192/);
    assertRefused(() => memfdWith(READ_ONLY, 0, false), 'read', /0 bytes, and 8192/);
  });

  it('a sparse file, which would charge its reader', () => {
    assertRefused(() => memfdWith(READ_ONLY, BYTES, false), 'read', /only 0 of its 8192 bytes/);
    const half = (): number => {
      const fd = memfdWith(0, BYTES, false);
      fallocate(fd, BYTES / 2);
      addSeals(fd, READ_ONLY);
      return fd;
    };
    assertRefused(half, 'read', /only 4096 of its 8192 bytes/);
  });

  it('sizes that are none, and closes the descriptor all the same', () => {
    const before = openDescriptors();
    for (const byteLength of [0, -1, 1.5, 2 ** 32]) {
      const fd = memfdWith(READ_ONLY);
      assert.throws(() => importRegion(fd, { byteLength, access: 'read' }), RangeError);
      const pool = memfdWith(READ_ONLY);
      assert.throws(() => hostMemory.importPool(pool, { slots: 1, slotBytes: 65 }), RangeError);
    }
    assert.equal(openDescriptors(), before);
  });

  it('nothing that has more seals than needed', () => {
    const fd = memfdWith(READ_ONLY | SEAL.WRITE);
    importRegion(fd, { byteLength: BYTES, access: 'read' }).close();
  });
});

describe('memory limits', () => {
  const GIB = 2 ** 30;

  it('are checked before anything is allocated', () => {
    const before = openDescriptors();
    // 64 TiB: fallocate would fail with ENOSPC only after taking all there is.
    assert.throws(
      () => hostMemory.createPool({ label: 'huge', slots: 65_536, slotBytes: GIB }),
      (error) => {
        assert.ok(isSluiceError(error, 'NO_SPACE'));
        assert.equal(error.details['wantedBytes'], 65_536 * GIB);
        assert.ok((error.details['availableBytes'] as number) < 65_536 * GIB);
        assert.match(error.message, /70368744177664 bytes .* for huge: \d+ bytes are available/);
        return true;
      },
    );
    assert.equal(openDescriptors(), before);
  });

  it('name the numbers of the control group', () => {
    const limits = {
      availableBytes: GIB,
      machineAvailableBytes: 8 * GIB,
      cgroupLimitBytes: 2 * GIB,
      cgroupUsedBytes: GIB,
    };
    assert.throws(
      () => assertEnoughMemory('camera', GIB, limits),
      (error) => {
        assert.ok(isSluiceError(error, 'NO_SPACE'));
        assert.match(error.message, /control group uses 1073741824 of 2147483648 bytes/);
        assert.equal(error.details['cgroupLimitBytes'], 2 * GIB);
        return true;
      },
    );
    assertEnoughMemory('camera', GIB / 2, limits);
    assertEnoughMemory('page', 4096, { availableBytes: 0, machineAvailableBytes: 0 });
  });
});

describe('a full descriptor table', () => {
  it('is TOO_MANY_FILES', async () => {
    const program = new URL('./too-many-files-program.js', import.meta.url);
    const result = await runProgram(program, [], { maxDescriptors: 64 });
    assert.deepEqual([result.code, result.stdout], [0, 'ok\n'], result.stderr);
  });
});

describe('assertEnforcedSeals', () => {
  it('holds on Linux', () => assertEnforcedSeals());

  it('is UNSUPPORTED where a sealed page can still be mapped writable', () => {
    const before = openDescriptors();
    const unsealed = memfdWith(0, 4096);
    assert.throws(
      () =>
        assertEnforcedSeals((_fd, byteLength, access) => mapShared(unsealed, byteLength, access)),
      { code: 'UNSUPPORTED' },
    );
    closeDescriptor(unsealed);
    assert.equal(openDescriptors(), before);
  });
});
