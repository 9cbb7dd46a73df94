import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { joinUnsigned } from '../../../src/core/index.js';
import { Header, MAX_POOL_SLOTS, POOL_RECORD_WORDS, Slot } from '../../../src/layout/index.js';
import { Claim, NO_SLOT, type PoolReader, type PoolReaderEntry } from '../../../src/ring/index.js';
import { FRAME, joinPool, makePool, type Pool } from './pool-fixture.js';

interface Follower {
  readonly reader: PoolReader;
  readonly entry: PoolReaderEntry;
  readonly delivery: 'latest' | 'every';
  readonly maxLag: number;
  readonly leases: number;
  readonly share: { index: number; count: number };
  readonly joined: number;
  last: number;
  received: number;
  /** Sequences by lease word. */
  readonly held: Map<number, number>;
  /** `lossless`: nothing it wants is missed. Not so once passed over, or when loans beyond its budget were out. */
  waitedFor: boolean;
}

type Step =
  | { readonly do: 'take' | 'publish' | 'publishDeferred' | 'giveBack' | 'complete' | 'passOver' }
  | { readonly do: 'claim' | 'release' | 'leave'; readonly who: number }
  | { readonly do: 'join'; readonly every: boolean; readonly maxLag: number; readonly who: number };

/** The pool beside what must be true of it. `content` stands for the payloads: the sequence last written into a slot. */
class Model {
  readonly followers: Follower[] = [];
  private readonly loans: number[] = [];
  private readonly deferred: number[] = [];
  private readonly content: number[];

  constructor(
    readonly pool: Pool,
    readonly slots: number,
    readonly lossless: boolean,
  ) {
    this.content = Array.from({ length: slots }, () => -1);
  }

  take(): void {
    const { writer } = this.pool;
    const before = writer.published;
    const slot = writer.tryTake();
    if (slot === NO_SLOT) {
      this.assertMayRefuse();
      return;
    }
    assert.ok(slot >= 0 && slot < this.slots);
    assert.ok(!this.loans.includes(slot), 'a slot on loan is not loaned again');
    assert.ok(!this.heldSlots().has(slot), 'a leased slot is not taken');
    const shown = this.content[slot] as number;
    if (shown >= 0) {
      assert.notEqual(shown, before, 'the newest frame is not taken');
      assert.ok(!this.deferred.includes(shown), 'a slot is not taken before its fence');
      this.assertNotPromised(shown);
    }
    this.content[slot] = -1;
    this.loans.push(slot);
  }

  private heldSlots(): Set<number> {
    return new Set(
      this.followers.flatMap(({ reader, held }) => [...held.keys()].map((at) => reader.slotOf(at))),
    );
  }

  private assertNotPromised(sequence: number): void {
    for (const { maxLag, last } of this.followers) {
      const promised = this.pool.writer.published - sequence < maxLag && sequence > last;
      assert.ok(!promised, `frame ${sequence} was promised`);
    }
  }

  /** Without loans and pending fences, slots ≥ Σ leases + max(1, maxLag) + 1 never drops. */
  private assertMayRefuse(): void {
    const { writer } = this.pool;
    const leases = this.followers.reduce((sum, follower) => sum + follower.leases, 0);
    const maxLag = Math.max(1, ...this.followers.map((follower) => follower.maxLag));
    const others = this.loans.length + this.deferred.length;
    const full = this.slots < leases + maxLag + 1 + others;
    const behind =
      this.lossless &&
      this.followers.some(
        ({ maxLag: budget, last, entry }) =>
          budget > 0 && !entry.passedOver && writer.published - last + this.loans.length >= budget,
      );
    assert.ok(full || behind, 'a slot was refused though the sizing rule holds');
  }

  publish(deferred: boolean): void {
    const slot = this.loans.shift();
    if (slot === undefined) return;
    const { writer, control, geometry } = this.pool;
    const sequence = writer.publish(slot, FRAME, deferred);
    assert.equal(sequence, writer.published);
    this.content[slot] = sequence;
    if (deferred) this.deferred.push(sequence);
    const { words } = control;
    const at = geometry.recordsOffset / 4 + slot * POOL_RECORD_WORDS;
    const pair = (low: number): number =>
      joinUnsigned(words[at + low] as number, words[at + low + 1] as number);
    assert.equal(pair(Slot.sequenceLow), sequence);
    if (deferred) assert.notEqual(pair(Slot.fenceLow), sequence);
    else assert.equal(pair(Slot.fenceLow), sequence);
    const high = words[Header.highA] as number;
    assert.equal(joinUnsigned(words[Header.head] as number, high), sequence);
    assert.equal(words[Header.highB], high);
  }

  complete(): void {
    const sequence = this.deferred.shift();
    if (sequence === undefined) {
      assert.equal(this.pool.writer.hasPending(), false);
      return;
    }
    assert.equal(this.pool.writer.hasPending(), true);
    assert.equal(this.pool.writer.complete(sequence), true);
    assert.equal(this.pool.writer.complete(sequence), false, 'a fence is written once');
  }

  giveBack(): void {
    const slot = this.loans.pop();
    if (slot !== undefined) this.pool.writer.giveBack(slot);
  }

  passOver(): void {
    this.pool.writer.passOver();
    for (const follower of this.followers) follower.waitedFor &&= !follower.entry.passedOver;
  }

  join(every: boolean, maxLag: number, who: number): void {
    if (this.followers.length >= 3) return;
    const delivery = every ? 'every' : 'latest';
    const promised = every ? Math.min(maxLag, this.slots - 1) : 0;
    const leases = who % 3;
    const count = 1 + (who % 2);
    const share = { index: who % count, count };
    const joined = this.pool.writer.published;
    const { reader, entry } = joinPool(this.pool, { delivery, maxLag: promised, leases, share });
    const place = { reader, entry, delivery, maxLag: promised, leases, share, joined } as const;
    const waitedFor = this.loans.length <= promised;
    const rest = { last: joined, received: 0, held: new Map(), waitedFor };
    this.followers.push({ ...place, ...rest });
  }

  private who(who: number): Follower | undefined {
    return this.followers[who % Math.max(1, this.followers.length)];
  }

  claim(who: number): void {
    const follower = this.who(who);
    if (follower === undefined) return;
    const { reader, share, delivery } = follower;
    const { published } = this.pool.writer;
    const lostBefore = reader.lost;
    const lease = reader.tryClaim();
    assert.notEqual(lease, Claim.corrupt);
    if (lease === Claim.noLease) {
      assert.equal(follower.held.size, follower.leases);
      return;
    }
    if (lease === Claim.nothing) this.assertNothing(follower);
    else this.assertClaimed(follower, lease);
    if (delivery === 'every' && published - follower.last <= follower.maxLag) {
      assert.equal(reader.lost, lostBefore, 'what is promised is not lost');
    }
    if (this.lossless && follower.waitedFor) assert.equal(reader.lost, 0);
    follower.last = reader.lastSequence;
    const missed = delivery === 'latest' ? reader.skipped : reader.lost;
    assert.equal(follower.received + missed, this.members(follower, follower.last));
    assert.ok(share.count > 1 || lease >= 0 || reader.lag === 0);
  }

  private members({ joined, share }: Follower, to: number): number {
    let members = 0;
    for (let n = joined + 1; n <= to; n++) if (n % share.count === share.index) members++;
    return members;
  }

  private assertNothing(follower: Follower): void {
    const newest = this.pool.writer.published;
    const { last, share, delivery } = follower;
    if (share.count === 1) assert.equal(last, newest, 'there is a frame to claim');
    // Of a share the newest frame belongs to somebody else, and an older one may be gone.
    if (delivery === 'latest' && last < newest) assert.notEqual(newest % share.count, share.index);
  }

  private assertClaimed(follower: Follower, lease: number): void {
    const { reader, share, delivery, last, held, maxLag } = follower;
    const newest = this.pool.writer.published;
    const sequence = reader.sequenceOf(lease);
    assert.ok(sequence > last && sequence <= newest);
    assert.equal(sequence % share.count, share.index);
    assert.equal(this.content[reader.slotOf(lease)], sequence, 'the slot holds another frame');
    assert.ok(!held.has(lease), 'a lease in use was given again');
    if (delivery === 'latest') assert.ok(newest - sequence < share.count);
    else assert.ok(newest - sequence < maxLag, 'beyond its budget a reader jumps');
    held.set(lease, sequence);
    follower.received++;
  }

  release(who: number): void {
    const follower = this.who(who);
    const [first] = follower?.held ?? [];
    if (follower === undefined || first === undefined) return;
    follower.held.delete(first[0]);
    follower.reader.release(first[0]);
  }

  leave(who: number): void {
    const follower = this.who(who);
    if (follower === undefined) return;
    this.pool.writer.removeReader(follower.entry);
    this.followers.splice(this.followers.indexOf(follower), 1);
  }

  /** After every step: what somebody holds is what it claimed. */
  assertUntouched(): void {
    let held = 0;
    const slots = new Set(this.loans);
    for (const { reader, held: leases } of this.followers) {
      assert.equal(reader.held, leases.size);
      held += leases.size;
      for (const [lease, sequence] of leases) {
        slots.add(reader.slotOf(lease));
        assert.equal(this.content[reader.slotOf(lease)], sequence, 'a leased frame was rewritten');
      }
    }
    assert.equal(this.pool.writer.slotsHeld(), slots.size);
    assert.ok(held >= 0);
  }
}

const who = fc.nat(11);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ do: 'take' as const }) },
  { weight: 5, arbitrary: fc.constant({ do: 'publish' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'publishDeferred' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'complete' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'giveBack' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'passOver' as const }) },
  { weight: 6, arbitrary: who.map((one) => ({ do: 'claim' as const, who: one })) },
  { weight: 5, arbitrary: who.map((one) => ({ do: 'release' as const, who: one })) },
  { weight: 1, arbitrary: who.map((one) => ({ do: 'leave' as const, who: one })) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      every: fc.boolean(),
      maxLag: fc.integer({ min: 1, max: 6 }),
      who,
    }),
  },
);

function apply(model: Model, one: Step): void {
  if (one.do === 'take') model.take();
  else if (one.do === 'publish') model.publish(false);
  else if (one.do === 'publishDeferred') model.publish(true);
  else if (one.do === 'complete') model.complete();
  else if (one.do === 'giveBack') model.giveBack();
  else if (one.do === 'passOver') model.passOver();
  else if (one.do === 'claim') model.claim(one.who);
  else if (one.do === 'release') model.release(one.who);
  else if (one.do === 'leave') model.leave(one.who);
  else if (one.do === 'join') model.join(one.every, one.maxLag, one.who);
}

function compare(slots: number, start: number, lossless: boolean): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 250, size: 'max' }), (steps) => {
      const model = new Model(makePool(slots, { start, lossless }), slots, lossless);
      model.join(true, 4, 1);
      model.join(false, 0, 2);
      for (const one of steps) {
        apply(model, one);
        model.assertUntouched();
      }
    }),
    { numRuns: 120 },
  );
}

describe('frame pool against a model', () => {
  for (const slots of [2, 3, 5, 8, 11]) {
    for (const lossless of [false, true]) {
      const kind = lossless ? 'lossless' : 'dropping';
      it(`${slots} slots, ${kind}`, () => compare(slots, 0, lossless));
      it(`${slots} slots, ${kind}, sequences through 2^32`, () => {
        compare(slots, 2 ** 32 - 8, lossless);
      });
    }
  }

  it('works with as many slots as a page has mirrors', () => {
    compare(MAX_POOL_SLOTS, 2 ** 32 - 12, false);
  });
});
