import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  EXTENDED_HEADER_BYTES,
  Header,
  HeaderDouble,
  MAX_LEASES,
  MAX_POOL_SLOTS,
  MAX_RECORD_DIMS,
  MAX_USER_DATA_BYTES,
  Page,
  PageStatistic,
  POOL_RECORD_BYTES,
  READER_PAGE_BYTES,
  RECORD_HEADER_BYTES,
  Slot,
  slotsOfMessage,
  unitsOfRecord,
  USER_DATA_OFFSET_BYTES,
} from '../../../src/layout/index.js';

describe('layout', () => {
  it('counts slots of a message', () => {
    const expected = [
      [0, 1],
      [1, 1],
      [240, 1],
      [241, 2],
      [480, 2],
      [481, 3],
      [2 ** 32 - 1, 17895698],
    ] as const;
    for (const [bytes, slots] of expected) assert.equal(slotsOfMessage(bytes), slots);
  });

  it('counts units of a record', () => {
    const expected = [
      [0, false, 1],
      [32, false, 1],
      [33, false, 2],
      [0, true, 1],
      [1, true, 2],
      [64, true, 2],
      [65, true, 3],
      [2 ** 32 - 1, true, 67108865],
    ] as const;
    for (const [bytes, extended, units] of expected) {
      assert.equal(unitsOfRecord(bytes, extended), units);
    }
    assert.equal(RECORD_HEADER_BYTES * 2, EXTENDED_HEADER_BYTES);
  });

  it('keeps words that different sides or phases write on cache lines of their own', () => {
    const line = (byteOffset: number): number => Math.floor(byteOffset / 64);
    assert.equal(line(Header.head * 4), 1);
    assert.equal(line(Header.highB * 4), 1);
    assert.equal(line(Header.indexOffset * 4), 0);
    assert.equal(line(HeaderDouble.published * 8), 2);
    assert.equal(line(Header.state * 4), 3);
    assert.equal(line(HeaderDouble.wallOffsetNs * 8), 3);
    assert.equal(line(Page.armed * 4), 0);
    assert.equal(line(Page.cursor * 4), 5);
    assert.equal(line(Page.order * 4), 5);
    assert.equal(line(Header.newestStart * 4), 2);
    assert.equal(line(Header.samplePosition * 4), 3);
    assert.equal(line(HeaderDouble.sampleTimeNs * 8), 3);
    assert.equal(line(Page.publisherArmed * 4), 1);
    assert.equal(line(Page.granted * 4), 1);
    assert.ok(line(PageStatistic.received * 8) >= 2);
    assert.equal(line(Page.lease * 4), line((Page.lease + MAX_LEASES - 1) * 4));
  });

  it('ends inside its record or page', () => {
    assert.equal((Slot.dim + MAX_RECORD_DIMS) * 4, USER_DATA_OFFSET_BYTES);
    assert.equal(USER_DATA_OFFSET_BYTES + MAX_USER_DATA_BYTES, POOL_RECORD_BYTES);
    assert.ok((Page.lease + MAX_LEASES) * 4 <= 1024);
    assert.ok((PageStatistic.lastSequence + 1) * 8 <= Page.lease * 4);
    assert.equal(1024 + MAX_POOL_SLOTS * 8, READER_PAGE_BYTES);
  });
});
