import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { highWord, joinUnsigned, lowWord } from '../../../src/core/index.js';
import {
  FrameFlag,
  MAX_POOL_SLOTS,
  Page,
  POOL_RECORD_WORDS,
  READER_PAGE_BYTES,
  Slot,
} from '../../../src/layout/index.js';
import { FenceReader, FenceWriter, NO_SLOT } from '../../../src/ring/index.js';
import { FRAME, joinPool, makePool, type Pool } from './pool-fixture.js';

function recordOf({ geometry }: Pool, slot: number): number {
  return geometry.recordsOffset / 4 + slot * POOL_RECORD_WORDS;
}

/** What a GPU does when a job comes to its fence. */
function reach(pool: Pool, slot: number, sequence: number): void {
  const { words } = pool.control;
  words[recordOf(pool, slot) + Slot.fenceLow] = lowWord(sequence);
  words[recordOf(pool, slot) + Slot.fenceHigh] = highWord(sequence);
}

/** Takes a slot and announces a frame whose data a GPU has yet to write. */
function publishDeferred({ writer }: Pool): { slot: number; sequence: number } {
  const slot = writer.tryTake();
  assert.notEqual(slot, NO_SLOT);
  return { slot, sequence: writer.publish(slot, FRAME, true) };
}

function mirrorOf(page: Int32Array, slot: number): bigint {
  return new DataView(page.buffer).getBigInt64(FenceReader.mirrorOffsetBytes(slot), true);
}

function fencesOf(pool: Pool, page: Int32Array, mirroredFrom: number): FenceReader {
  return new FenceReader(pool.control.words, page, pool.geometry, mirroredFrom);
}

const newPage = (): Int32Array => new Int32Array(READER_PAGE_BYTES / 4);

describe('the fences that a publisher enqueues', () => {
  it('writes every mirror, then the fence of the slot', () => {
    const fences = new FenceWriter<string>();
    const done: string[] = [];
    const queue = {
      writeMirror: (reader: string, slot: number, sequence: number) => {
        done.push(`mirror of ${reader}: ${slot} ${sequence}`);
      },
      writeFence: (slot: number, sequence: number) => {
        done.push(`fence: ${slot} ${sequence}`);
      },
    };
    fences.enqueue(queue, 3, 7);
    fences.add('a');
    fences.add('b');
    fences.enqueue(queue, 1, 8);
    fences.remove('a');
    fences.remove('never added');
    fences.enqueue(queue, 2, 9);
    assert.deepEqual(done, [
      'fence: 3 7',
      'mirror of a: 1 8',
      'mirror of b: 1 8',
      'fence: 1 8',
      'mirror of b: 2 9',
      'fence: 2 9',
    ]);
  });

  it('reaches a sequence when every slot up to it has its fence', () => {
    const pool = makePool(4);
    assert.equal(pool.writer.fencesReachedUpTo(0), true);
    const first = publishDeferred(pool);
    const second = publishDeferred(pool);
    const third = publishDeferred(pool);
    reach(pool, second.slot, second.sequence);
    assert.equal(pool.writer.fencesReachedUpTo(second.sequence), false);
    reach(pool, first.slot, first.sequence);
    assert.equal(pool.writer.fencesReachedUpTo(second.sequence), true);
    assert.equal(pool.writer.fencesReachedUpTo(third.sequence), false);
    assert.equal(pool.writer.hasPending(), true);
    reach(pool, third.slot, third.sequence);
    assert.equal(pool.writer.fencesReachedUpTo(third.sequence), true);
    assert.equal(pool.writer.hasPending(), false);
  });

  it('takes no slot before its own fence', () => {
    const pool = makePool(2);
    const first = publishDeferred(pool);
    publishDeferred(pool);
    assert.equal(pool.writer.tryTake(), NO_SLOT);
    reach(pool, first.slot, first.sequence);
    assert.equal(pool.writer.tryTake(), first.slot);
  });

  it('flags a frame that will never be whole while its slot shows it', () => {
    const pool = makePool(2);
    const { slot, sequence } = publishDeferred(pool);
    const flags = recordOf(pool, slot) + Slot.flags;
    assert.equal(pool.writer.markIncomplete(slot, sequence + 1), false);
    assert.equal(pool.writer.markIncomplete(slot, 0), false);
    assert.equal(pool.control.words[flags], 0);
    assert.equal(pool.writer.markIncomplete(slot, sequence), true);
    assert.equal(pool.control.words[flags], FrameFlag.incomplete);
  });
});

describe('the fences that a subscriber waits for', () => {
  it('says how to wait', () => {
    const pool = makePool(3);
    const { page } = joinPool(pool);
    const early = publishDeferred(pool);
    const fences = fencesOf(pool, page, early.sequence + 1);
    const later = publishDeferred(pool);
    assert.equal(fences.wayToWait(early.slot, early.sequence), 'poll');
    assert.equal(fences.wayToWait(later.slot, later.sequence), 'queue');
    reach(pool, early.slot, early.sequence);
    assert.equal(fences.wayToWait(early.slot, early.sequence), 'ready');
    fences.publisherEnded();
    assert.equal(fences.wayToWait(later.slot, later.sequence), 'poll');
    reach(pool, later.slot, later.sequence);
    assert.equal(fences.wayToWait(later.slot, later.sequence), 'ready');
  });

  it('compares both halves of a fence', () => {
    const pool = makePool(2);
    const fences = fencesOf(pool, newPage(), 1);
    assert.equal(fences.reached(0, 2 ** 32), false, 'memory never used');
    reach(pool, 0, 2 ** 32);
    assert.equal(fences.reached(0, 2 ** 32), true);
    reach(pool, 1, 5);
    assert.equal(fences.reached(1, 2 ** 32 + 5), false);
    reach(pool, 1, 2 ** 40 + 0x8000_0001);
    assert.equal(fences.reached(1, 2 ** 40 + 0x8000_0001), true);
  });

  it('has a mirror for every slot, inside the page and apart from the leases', () => {
    assert.equal(FenceReader.mirrorOffsetBytes(0), 1024);
    assert.equal(FenceReader.mirrorOffsetBytes(1), 1032);
    assert.equal(FenceReader.mirrorOffsetBytes(MAX_POOL_SLOTS - 1) + 8, READER_PAGE_BYTES);
    assert.ok(Page.mirror > Page.cursor);
  });

  it('poisons so that every wait is released, whatever half a late store leaves', () => {
    const slots = 4;
    const pool = makePool(slots);
    const page = newPage();
    fencesOf(pool, page, 1).poison();
    const isReleased = (found: bigint, wanted: number): boolean =>
      BigInt.asIntN(64, found - BigInt(wanted)) >= 0n;
    for (const wanted of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, Number.MAX_SAFE_INTEGER]) {
      for (let slot = 0; slot < slots; slot++) {
        const poison = mirrorOf(page, slot);
        assert.ok(isReleased(poison, wanted));
        const low = Number(BigInt.asUintN(32, poison));
        const high = Number(poison >> 32n);
        assert.ok(isReleased(BigInt(joinUnsigned(low, highWord(wanted))), wanted));
        assert.ok(isReleased((BigInt(high) << 32n) + BigInt(lowWord(wanted)), wanted));
      }
    }
    const rest = page.subarray(0, Page.mirror);
    assert.ok(rest.every((word) => word === 0));
    assert.equal(page[Page.mirror + slots * 2], 0);
  });
});

describe('a release that a GPU does', () => {
  it('keeps the lease word until the GPU has cleared it', () => {
    const pool = makePool(3);
    const { reader, page } = joinPool(pool);
    publishDeferred(pool);
    const lease = reader.tryClaim();
    const slot = reader.slotOf(lease);
    reader.releaseQueued(lease);
    assert.equal(reader.held, 0);
    assert.equal(reader.landed(lease), false);
    assert.equal(page[Page.lease + lease], slot + 1);
    publishDeferred(pool);
    assert.ok(reader.tryClaim() < 0, 'the word is still the GPU’s');
    page[Page.lease + lease] = 0;
    assert.equal(reader.landed(lease), true);
    assert.equal(reader.tryClaim(), lease);
    assert.equal(reader.sequenceOf(lease), 2);
  });
});
