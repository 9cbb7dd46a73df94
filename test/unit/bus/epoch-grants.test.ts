import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError, tensor, tensors } from '../../../src/index.js';
import { Bench } from './bench.js';

const bytes = (length: number) => tensor('u8', [length]);

describe('what was granted in one epoch', () => {
  it('is kept in the next: an idle `every` reader stops nobody', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('grants', { format: bytes(64), slots: 16 });
    await bench.subscriber('grants', { format: tensors(), delivery: 'every', maxLag: 12 });
    await publisher.setFormat(bytes(128));
    for (let round = 0; round < 20; round++) {
      assert.notEqual(publisher.send(new Uint8Array(128)), undefined);
    }
    assert.equal(publisher.stats().dropped, 0);
  });

  it('refuses a pool that is too small for it, names the number, and changes nothing', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('grants', { format: bytes(64), slots: 16 });
    const reader = await bench.subscriber('grants', {
      format: tensors(),
      delivery: 'every',
      maxLag: 12,
    });
    await assert.rejects(publisher.setFormat(bytes(128), { slots: 4 }), (error) => {
      assert.ok(isSluiceError(error, 'LEASES_EXHAUSTED'));
      assert.equal(error.details['neededSlots'], 15);
      return true;
    });
    assert.equal(publisher.manifest.epoch, 1);
    publisher.send(new Uint8Array(64));
    assert.equal((await reader.receive()).sequence, 1);
  });
});
