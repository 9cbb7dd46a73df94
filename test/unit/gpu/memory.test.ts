import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  addressOf,
  closeDescriptor,
  duplicateDescriptor,
  ftruncate,
  mapShared,
  memfdCreate,
} from '../../../src/ffi/index.js';
import {
  allocateShared,
  copyToHost,
  DeviceBuffer,
  enqueueWait64,
  enqueueWrite64,
  fill32,
  findDevice,
  granularityBytes,
  importShared,
  listDevices,
  registerHostMemory,
  streamSynchronize,
  useDevice,
} from '../../../src/gpu/index.js';
import { closesOnExec, openDescriptors } from '../ffi/descriptors.js';
import { runScenario, skip } from './simulated.js';

const options = { skip, timeout: 30_000 };
const MIB = 2 ** 20;

function readWords(pointer: number, count: number): number[] {
  const words = new Uint32Array(count);
  copyToHost(0, Number(addressOf(new Uint8Array(words.buffer))), pointer, words.byteLength);
  streamSynchronize(0);
  return [...words];
}

interface Imported {
  readonly copied: readonly number[];
  readonly error: { readonly code?: string; readonly message: string };
  readonly isDescriptorOpen: boolean;
}

describe('shared allocations', options, () => {
  it('are zero, of whole granules, and close on exec', () => {
    for (const device of listDevices()) {
      assert.equal(granularityBytes(device), 2 * MIB);
      const before = openDescriptors();
      const memory = allocateShared(device, 2 * MIB + 1, 'make a pool');
      assert.equal(memory.device, device);
      assert.equal(memory.byteLength, 4 * MIB);
      assert.equal(closesOnExec(memory.descriptor), true);
      useDevice(device);
      assert.deepEqual(readWords(memory.pointer + 4 * MIB - 8, 2), [0, 0]);
      memory.close();
      memory.close();
      assert.equal(memory.descriptor, -1);
      assert.equal(openDescriptors(), before);
    }
    const [device] = listDevices();
    assert.throws(() => allocateShared(device!, 0, 'test'), RangeError);
    assert.throws(() => allocateShared(device!, 0.5, 'test'), RangeError);
  });

  it('are read by another process, on either device, after their owner closed them', () => {
    const device = findDevice(0, 'test');
    const memory = allocateShared(device, 2 * MIB, 'make a pool');
    useDevice(device);
    fill32(0, memory.pointer, 0x5eed, 1);
    fill32(0, memory.pointer + 4, 0xfeed, 1);
    streamSynchronize(0);
    const descriptor = duplicateDescriptor(memory.descriptor);
    memory.close();
    for (const reader of ['0', '1']) {
      const values = [String(2 * MIB), reader];
      const result = runScenario('import', { inherit: [descriptor], values }) as Imported;
      assert.deepEqual(result.copied, [0x5eed, 0xfeed], result.error.message);
      assert.equal(result.isDescriptorOpen, false);
    }
    closeDescriptor(descriptor);
  });

  it('are WRONG_DEVICE for a device that does not reach them', () => {
    const memory = allocateShared(findDevice(0, 'test'), 2 * MIB, 'make a pool');
    const { error } = runScenario('import', {
      inherit: [memory.descriptor],
      values: [String(2 * MIB), '1'],
      environment: { SLUICE_SIMULATED_PEERS: '0' },
    }) as Imported;
    assert.equal(error.code, 'WRONG_DEVICE', error.message);
    memory.close();
  });

  it('are PROTOCOL when they are something else, or of another size', () => {
    const device = findDevice(0, 'test');
    const memory = allocateShared(device, 2 * MIB, 'make a pool');
    const foreign = memfdCreate('test', { sealing: true });
    ftruncate(foreign, 2 * MIB);
    const cases: [number, number][] = [
      [duplicateDescriptor(memory.descriptor), 4 * MIB],
      [duplicateDescriptor(memory.descriptor), 4096],
      [foreign, 2 * MIB],
      [openSync('/dev/null', 'r'), 2 * MIB],
    ];
    for (const [descriptor, byteLength] of cases) {
      const before = openDescriptors();
      const attempt = 'map received memory';
      assert.throws(
        () => importShared(descriptor, { device, byteLength, attempt }),
        {
          code: 'PROTOCOL',
          message: /^refused received memory: cannot map received memory: cuMem/,
        },
        String(byteLength),
      );
      assert.equal(openDescriptors(), before - 1);
    }
    const before = openDescriptors();
    const wrong = { device, byteLength: 0, attempt: 'test' };
    const descriptor = duplicateDescriptor(memory.descriptor);
    assert.throws(() => importShared(descriptor, wrong), RangeError);
    assert.equal(openDescriptors(), before);
    memory.close();
  });

  it('end the use of CUDA of a process whose kernel stores into an import, and of no other', () => {
    const device = findDevice(0, 'test');
    const memory = allocateShared(device, 2 * MIB, 'make a pool');
    const values = [String(memory.byteLength)];
    const result = runScenario('stray', { inherit: [memory.descriptor], values }) as {
      sticky: boolean;
      message: string;
      later: string;
    };
    assert.equal(result.sticky, true, result.message);
    assert.match(result.message, /CUDA_ERROR_ILLEGAL_ADDRESS \(700\)/);
    assert.equal(result.later, 'CUDA_ERROR_ILLEGAL_ADDRESS');
    useDevice(device);
    assert.deepEqual(readWords(memory.pointer, 1), [0]);
    memory.close();
  });

  it('are NO_SPACE when the device is full, and leave nothing behind', () => {
    const environment = { SLUICE_SIMULATED_BYTES: String(8 * MIB) };
    assert.deepEqual(runScenario('full', { environment }), ['NO_SPACE', 'NO_SPACE']);
  });

  it('give back what they took when a step fails', () => {
    const steps = [
      'cuMemCreate',
      'cuMemAddressReserve',
      'cuMemMap',
      'cuMemSetAccess',
      'cuStreamCreate',
      'cuMemsetD32Async',
      'cuMemExportToShareableHandle',
    ];
    for (const call of steps) {
      // The second allocation fits only when the first, which failed, holds nothing.
      const environment = {
        SLUICE_SIMULATED_BYTES: String(10 * MIB),
        SLUICE_SIMULATED_FAIL: `${call}:1:2`,
      };
      const result = runScenario('cleanup', { environment });
      assert.deepEqual(
        result,
        { code: 'NO_SPACE', name: 'CUDA_ERROR_OUT_OF_MEMORY', leaked: 0 },
        call,
      );
    }
  });
});

describe('registered host memory', options, () => {
  it('is reached by a device, written or only read', () => {
    const bytes = 4096;
    const descriptor = memfdCreate('test', { sealing: true });
    ftruncate(descriptor, bytes);
    const writable = mapShared(descriptor, bytes, 'read-write');
    const readable = mapShared(descriptor, bytes, 'read');
    closeDescriptor(descriptor);
    const words = new Int32Array(writable.view(0, bytes));
    const device = findDevice(0, 'test');
    const attempt = 'register a page';
    const own = registerHostMemory(new Uint8Array(words.buffer), { device, attempt });
    const page = new Uint8Array(readable.view(0, bytes));
    assert.throws(() => registerHostMemory(page, { device, attempt }), {
      code: 'CUDA_ERROR',
      message: /^cannot register a page: cuMemHostRegister/,
    });
    const received = registerHostMemory(page, { device, attempt, readOnly: true });
    assert.equal(own.byteLength, bytes);
    useDevice(device);
    enqueueWrite64(0, own.devicePointer + 8, 77);
    enqueueWait64(0, received.devicePointer + 8, 77);
    streamSynchronize(0);
    assert.equal(words[2], 77);

    assert.throws(() => registerHostMemory(new Uint8Array(words.buffer), { device, attempt }), {
      code: 'CUDA_ERROR',
      message: /ALREADY_REGISTERED/,
    });
    received.close();
    own.close();
    own.close();
    registerHostMemory(new Uint8Array(words.buffer), { device, attempt }).close();
    writable.close();
    readable.close();
    assert.throws(() => registerHostMemory(new Uint8Array(0), { device, attempt }), RangeError);
  });
});

describe('device buffers', options, () => {
  it('are taken and given back', () => {
    for (let round = 0; round < 30; round++) {
      using buffer = DeviceBuffer.create(512 * MIB, { device: 1 });
      assert.equal(buffer.device.index, 1);
      assert.ok(buffer.pointer > 0n);
    }
    const buffer = DeviceBuffer.create(64);
    buffer.close();
    buffer.close();
    assert.throws(() => buffer.pointer, { code: 'CLOSED' });
    assert.throws(() => DeviceBuffer.create(2 ** 45), { code: 'NO_SPACE' });
    assert.throws(() => DeviceBuffer.create(0), RangeError);
  });
});
