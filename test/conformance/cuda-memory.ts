/** The suite over the memory of a GPU, and what that memory has beside. Where there is no GPU it is skipped. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closeDescriptor, duplicateDescriptor } from '../../src/ffi/index.js';
import { findDevice, granularityBytes } from '../../src/gpu/index.js';
import { cudaMemory } from '../../src/memory/index.js';
import { makeDomain } from './cuda-domain.js';
import { describeMemoryDomain } from './memory-domain.js';

const url = new URL('./cuda-domain.js', import.meta.url).href;
const SIZE = { slots: 3, slotBytes: 4160 } as const;

/** `skip`: why there is no GPU here, or false. */
export function describeCudaMemory(skip: string | false): void {
  if (skip !== false) {
    describe('memory domain cuda', { skip }, () => undefined);
    return;
  }
  const device = findDevice(undefined, 'test the memory of a GPU');
  const domain = cudaMemory(device);
  describeMemoryDomain('cuda', { url, makeDomain });

  describe('pools in the memory of a GPU', () => {
    it('are whole granules, of which slots are addresses and never views', () => {
      const pool = domain.createPool({ label: 'views', ...SIZE });
      assert.equal(pool.memory, `cuda:${device.index}`);
      assert.equal(pool.dataBytes, granularityBytes(device));
      const first = pool.slotAddress(0);
      assert.notEqual(first, 0n);
      for (let slot = 0; slot < pool.slots; slot += 1) {
        assert.equal(pool.slotAddress(slot), first + BigInt(slot * SIZE.slotBytes));
        assert.throws(() => pool.slotView(slot), { code: 'DEVICE_MEMORY' });
      }
      for (const slot of [-1, 3, 0.5, Number.NaN]) {
        assert.throws(() => pool.slotAddress(slot), RangeError);
      }
      pool.close();
    });

    it('are refused when announced smaller than their slots', () => {
      const pool = domain.createPool({ label: 'small', ...SIZE });
      const fd = duplicateDescriptor(pool.descriptor);
      const announced = { ...SIZE, dataBytes: SIZE.slotBytes };
      assert.throws(() => domain.importPool(fd, announced), { code: 'PROTOCOL' });
      assert.throws(() => closeDescriptor(fd), { code: 'EBADF' }, 'it was closed');
      pool.close();
    });
  });
}
