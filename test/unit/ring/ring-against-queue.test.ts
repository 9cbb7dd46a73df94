import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { joinUnsigned } from '../../../src/core/index.js';
import { Header, slotsOfMessage, unitsOfRecord } from '../../../src/layout/index.js';
import type { RingReaderEntry, RingReader } from '../../../src/ring/index.js';
import {
  assertMessage,
  HEADER,
  join,
  LAYOUTS,
  makeRing,
  message,
  type Ring,
  type RingLayout,
} from './ring-fixture.js';

/** What the reference queue remembers of a message: its number counts from 0. */
interface Sent {
  readonly position: number;
  readonly units: number;
  readonly byteLength: number;
  readonly sequence: number;
}

type Kind = 'pinned' | 'gating' | 'lossy' | 'latest';

interface Follower {
  readonly kind: Kind;
  readonly reader: RingReader;
  readonly entry: RingReaderEntry;
  readonly share: { index: number; count: number };
  readonly maxLag: number;
  /** Number of the first message that it has not seen, and of the message that it joined at. */
  next: number;
  readonly joined: number;
  received: number;
  wasPassedOver: boolean;
}

type Step =
  | { readonly do: 'write'; readonly sizes: readonly number[] }
  | { readonly do: 'drain'; readonly who: number; readonly max: number }
  | { readonly do: 'join'; readonly kind: Kind; readonly where: number; readonly maxLag: number }
  | { readonly do: 'leave'; readonly who: number }
  | { readonly do: 'passOver'; readonly byteLength: number };

class Reference {
  readonly sent: Sent[] = [];
  readonly followers: Follower[] = [];
  head: number;

  constructor(
    readonly ring: Ring,
    readonly start: number,
  ) {
    this.head = start;
  }

  /** Sequence of message `number`, also of the next one to come. */
  private sequenceOf(number: number): number {
    if (this.ring.layout === 'bytes') return number + 1;
    return (this.sent[number]?.position ?? this.head) + 1;
  }

  /** Units with padding, when the message is written `at` this position. */
  private place(at: number, byteLength: number): { position: number; units: number } {
    if (this.ring.layout === 'slots') return { position: at, units: slotsOfMessage(byteLength) };
    const units = unitsOfRecord(byteLength, false);
    const rest = this.ring.writer.capacity - (at % this.ring.writer.capacity);
    return { position: rest < units ? at + rest : at, units };
  }

  /** Least room that the readers which hold the writer back leave; Infinity when none does. */
  private room(): number {
    let room = Number.POSITIVE_INFINITY;
    for (const { kind, entry, reader } of this.followers) {
      if (kind === 'lossy' || kind === 'latest') continue;
      if (entry.passedOver) continue;
      room = Math.min(room, entry.budget - (this.head - reader.position));
    }
    return room;
  }

  write(sizes: readonly number[]): void {
    const { writer } = this.ring;
    const first = this.sent.length;
    const payloads = sizes.map((size, i) => message(first + i, size));
    const before = this.room();
    const written =
      payloads.length === 1
        ? Number(writer.tryWrite(payloads[0] as Uint8Array, HEADER))
        : writer.tryWriteBatch(payloads, HEADER);
    let used = 0;
    for (let i = 0; i < written; i++) {
      const byteLength = sizes[i] as number;
      const { position, units } = this.place(this.head, byteLength);
      used += position + units - this.head;
      this.sent.push({ position, units, byteLength, sequence: this.sequenceOf(first + i) });
      this.head = position + units;
    }
    assert.equal(writer.head, this.head, 'the head counts what was written');
    const { words } = this.ring.control;
    const [low, highA, highB] = [words[Header.head], words[Header.highA], words[Header.highB]];
    assert.equal(joinUnsigned(low ?? 0, highA ?? 0), this.head, 'the announced head is the head');
    assert.equal(highB, highA);
    // Nobody who holds the writer back is ever overrun.
    for (const { kind, entry, reader } of this.followers) {
      if (kind === 'lossy' || kind === 'latest' || entry.passedOver) continue;
      assert.ok(this.head - reader.position <= entry.budget, 'a reader was pushed out of budget');
    }
    const refused = sizes[written];
    if (refused === undefined) return;
    const { position, units } = this.place(this.head, refused);
    assert.ok(used + position + units - this.head > Math.min(before, this.room() + used));
  }

  join(kind: Kind, where: number, maxLag: number): void {
    if (this.followers.length >= 4) return;
    const { writer } = this.ring;
    const { capacity, writeAhead } = writer;
    const choice = where % 4;
    const asked = choice === 3 ? this.sequenceOf(Math.floor(this.sent.length / 2)) : 0;
    const start =
      choice === 0
        ? writer.startAtHead()
        : choice === 1
          ? writer.startAtNewest()
          : writer.startAt(asked);
    const next = this.sent.findIndex(({ position }) => position >= start.position);
    const joined = next < 0 ? this.sent.length : next;
    assert.equal(start.sequence, this.sequenceOf(joined), 'a start names the message there');
    if (choice === 1) assert.equal(joined, Math.max(0, this.sent.length - 1));
    if (choice >= 2) this.assertOldest(start.position, asked, joined);
    const budget = { pinned: capacity, gating: capacity - writeAhead, lossy: 0, latest: 0 }[kind];
    const count = 1 + (where % 3);
    const share = { index: where % count, count };
    const limit = kind === 'lossy' ? maxLag : capacity;
    const { reader, entry } = join(this.ring, start, {
      delivery: kind === 'latest' ? 'latest' : 'every',
      pinned: kind === 'pinned',
      maxLag: limit,
      share,
      budget,
    });
    const follower = { kind, reader, entry, share, maxLag: limit, next: joined, joined };
    this.followers.push({ ...follower, received: 0, wasPassedOver: false });
  }

  /** `startAt` gives the oldest message in reach: the one before it is out of reach or not wanted. */
  private assertOldest(position: number, sequence: number, joined: number): void {
    const { capacity, writeAhead } = this.ring.writer;
    const reach = this.head + writeAhead - capacity;
    assert.ok(position >= reach);
    const before = this.sent[joined - 1];
    if (before !== undefined) {
      assert.ok(before.position < reach || before.sequence < sequence);
    }
  }

  drain(who: number, max: number): void {
    const follower = this.followers[who % Math.max(1, this.followers.length)];
    if (follower === undefined) return;
    const { reader, kind, share } = follower;
    const lag = reader.lag;
    let seen = 0;
    const visited = reader.drain((view, offset, byteLength, type, sequence, headerOffset) => {
      const number = this.numberOf(sequence, follower.next);
      const sent = this.sent[number] as Sent;
      assert.equal(byteLength, sent.byteLength);
      assert.equal(type, HEADER.type);
      assert.equal(sequence % share.count, share.index);
      assert.equal(headerOffset, this.ring.layout === 'slots' ? -1 : offset - 32);
      assertMessage(view, offset, byteLength, number);
      if (kind === 'pinned') this.assertNoneOfShareBetween(follower, number);
      follower.next = number + 1;
      follower.received++;
      seen++;
    }, max);
    assert.equal(visited, seen);
    assert.ok(visited <= max);
    assert.equal(reader.received, follower.received);
    assert.equal(reader.corrupt, false);
    if (kind === 'pinned') assert.equal(reader.lost, 0);
    if (kind === 'gating' && !follower.wasPassedOver) {
      assert.equal(reader.lost, 0, 'a reader that is waited for loses nothing');
    }
    if (kind === 'latest') this.assertNewest(follower, visited, lag);
  }

  private assertNewest(follower: Follower, visited: number, lag: number): void {
    const newest = this.sent.at(-1);
    if (follower.share.count > 1 || lag === 0 || newest === undefined) return;
    assert.equal(visited, 1, 'latest never ends empty-handed while something is there');
    assert.equal(follower.next, this.sent.length, 'latest takes the newest');
  }

  private numberOf(sequence: number, from: number): number {
    for (let number = from; number < this.sent.length; number++) {
      if (this.sent[number]?.sequence === sequence) return number;
    }
    return assert.fail(`sequence ${sequence} was repeated or never sent`);
  }

  private assertNoneOfShareBetween({ next, share }: Follower, number: number): void {
    for (let i = next; i < number; i++) {
      const sequence = this.sent[i]?.sequence ?? 0;
      assert.notEqual(sequence % share.count, share.index, 'a pinned reader misses nothing');
    }
  }

  leave(who: number): void {
    const follower = this.followers[who % Math.max(1, this.followers.length)];
    if (follower === undefined) return;
    this.ring.writer.removeReader(follower.entry);
    this.followers.splice(this.followers.indexOf(follower), 1);
  }

  /** Everybody reads to the end: what was received and what was counted as missing is what was sent. */
  settle(): void {
    for (const [who, follower] of this.followers.entries()) {
      for (let i = 0; i < 4 * this.ring.writer.capacity && follower.reader.lag > 0; i++) {
        this.drain(who, 0x7fffffff);
      }
      this.drain(who, 0x7fffffff);
      assert.equal(follower.reader.lag, 0);
      this.assertAllCounted(follower);
    }
  }

  private assertAllCounted({ reader, share, joined, received, kind, next }: Follower): void {
    const wanted = (end: number): number =>
      this.sent.slice(joined, end).filter(({ sequence }) => sequence % share.count === share.index)
        .length;
    const counted = received + (kind === 'latest' ? reader.skipped : reader.lost);
    const sent = this.sent.length;
    if (this.ring.layout === 'bytes') {
      // A gap shows when the message after it comes, be it of this share or not.
      assert.ok(counted >= wanted(next) && counted <= wanted(sent));
      if (share.count === 1) assert.equal(counted, wanted(next));
    } else if (this.sent.every(({ units }) => units === 1)) {
      // The slots layout counts slots: messages, where each takes one.
      if (share.count === 1 || kind !== 'latest') assert.equal(counted, wanted(sent));
    }
  }

  passOver(byteLength: number): void {
    // Only a publisher that may pass readers over does so, and those are not pinned.
    if (this.followers.some(({ kind }) => kind === 'pinned')) return;
    const units = this.ring.writer.unitsFor(byteLength);
    this.ring.writer.passOver(units);
    for (const follower of this.followers) follower.wasPassedOver ||= follower.entry.passedOver;
    assert.ok(this.ring.writer.hasRoom(units), 'after passing over there is room');
  }
}

const kind = fc.constantFrom<Kind>('pinned', 'gating', 'lossy', 'latest');

function steps(maxBytes: number): fc.Arbitrary<readonly Step[]> {
  const size = fc.oneof(
    fc.integer({ min: 0, max: Math.min(240, maxBytes) }),
    fc.integer({ min: 0, max: maxBytes }),
    fc.constantFrom(0, maxBytes),
  );
  const who = fc.nat(7);
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: size.map((one) => ({ do: 'write' as const, sizes: [one] })) },
    {
      weight: 4,
      arbitrary: fc
        .array(size, { minLength: 2, maxLength: 24 })
        .map((sizes) => ({ do: 'write' as const, sizes })),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('drain' as const),
        who,
        max: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(0x7fffffff)),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        kind,
        where: fc.nat(11),
        maxLag: fc.integer({ min: 1, max: 40 }),
      }),
    },
    { weight: 1, arbitrary: who.map((one) => ({ do: 'leave' as const, who: one })) },
    {
      weight: 1,
      arbitrary: size.map((byteLength) => ({ do: 'passOver' as const, byteLength })),
    },
  );
  return fc.array(step, { minLength: 1, maxLength: 80, size: 'max' });
}

function run(reference: Reference, all: readonly Step[]): void {
  if (all.length % 2 === 0) reference.join('pinned', 0, 0);
  reference.join('lossy', 0, 1000);
  for (const step of all) {
    if (step.do === 'write') reference.write(step.sizes);
    else if (step.do === 'drain') reference.drain(step.who, step.max);
    else if (step.do === 'join') reference.join(step.kind, step.where, step.maxLag);
    else if (step.do === 'leave') reference.leave(step.who);
    else reference.passOver(step.byteLength);
  }
  reference.settle();
}

function compare(layout: RingLayout, slots: number, start: number, numRuns: number): void {
  const { maxMessageBytes } = makeRing(layout, slots).writer;
  fc.assert(
    fc.property(steps(maxMessageBytes), (all) => {
      run(new Reference(makeRing(layout, slots, start), start), all);
    }),
    { numRuns },
  );
}

for (const layout of LAYOUTS) {
  describe(`${layout} ring against a queue`, () => {
    for (const [slots, numRuns] of [
      [8, 400],
      [16, 300],
      [64, 200],
      [512, 60],
    ] as const) {
      it(`${slots} units`, () => compare(layout, slots, 0, numRuns));
      it(`${slots} units, positions through 2^32`, () => {
        compare(layout, slots, 2 ** 32 - 40, numRuns);
      });
    }
    it('positions through 2^31 and 5 * 2^32', () => {
      compare(layout, 32, 2 ** 31 - 40, 100);
      compare(layout, 32, 5 * 2 ** 32 - 40, 100);
    });
    it('positions from just above a carry, with slots below it that were never written', () => {
      compare(layout, 16, 2 ** 32 + 3, 200);
    });
  });
}
