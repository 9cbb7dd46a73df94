import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { duplicateDescriptor } from '../../src/ffi/index.js';
import { hostMemory } from '../../src/memory/index.js';
import { makeDomain } from './host-domain.js';
import { describeMemoryDomain } from './memory-domain.js';

describeMemoryDomain('host', {
  url: new URL('./host-domain.js', import.meta.url).href,
  makeDomain,
});

describe('slot views of host memory', () => {
  const SIZE = { slots: 3, slotBytes: 4160 } as const;

  it('are one object a slot, over the bytes of that slot alone', () => {
    const pool = hostMemory.createPool({ label: 'views', ...SIZE });
    for (let slot = 0; slot < pool.slots; slot += 1) {
      const view = pool.slotView(slot);
      assert.equal(pool.slotView(slot), view);
      assert.deepEqual([view.byteOffset, view.byteLength], [0, SIZE.slotBytes]);
      assert.equal(view.buffer.byteLength, SIZE.slotBytes);
    }
    for (const slot of [-1, 3, 0.5, Number.NaN]) {
      assert.throws(() => pool.slotView(slot), RangeError);
    }
    pool.close();
  });

  it('read zeros after close, in the process that closed only', () => {
    const pool = hostMemory.createPool({ label: 'views', ...SIZE });
    const imported = hostMemory.importPool(duplicateDescriptor(pool.descriptor), SIZE);
    const written = pool.slotView(1).fill(9);
    const seen = imported.slotView(1);
    pool.close();
    assert.equal(written[0], 0);
    assert.equal(seen[4159], 9);
    imported.close();
    assert.equal(seen[4159], 0);
  });
});
