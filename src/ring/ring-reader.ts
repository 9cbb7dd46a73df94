/**
 * What both message rings share on the subscriber's side.
 *
 * A reader copies a run of the ring into memory of its own, loads the head again and believes the copy only when
 * `head + writeAhead - position ≤ capacity`: the writer may already be writing ahead of its head, so comparing the
 * head alone would let torn messages through. Sizes are bounded before they are used. A reader that the writer never
 * passes (`pinned`) may visit in place.
 *
 * Everything in the ring is foreign: no word of it can make a reader index outside, loop for ever or allocate more
 * than one ring.
 */
import { distance32, highWord, joinUnsigned } from '../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  Header,
  HeaderDouble,
  Page,
} from '../layout/index.js';
import { publisherWaits } from './doorbell.js';
import { countMembers, type Share } from './share.js';

export interface RingReaderOptions {
  readonly delivery: 'latest' | 'every';
  /** `every`: most units behind the head before this reader itself jumps to the head. */
  readonly maxLag: number;
  /** The writer never passes this reader, so it may look at the ring without copying. */
  readonly pinned: boolean;
  /** Where to begin. */
  readonly position: number;
  /** Sequence of the message at `position` (bytes ring); the slots ring derives it. */
  readonly sequence: number;
  readonly share: Share;
  /** CLOCK_MONOTONIC in ns, of the publisher's clock. */
  readonly now: () => number;
}

/**
 * Sees one message. `view` holds it at [offset, offset + byteLength) and is valid inside the call only.
 * For records of a bytes ring `headerOffset` is where the record's header starts in `view`, else -1.
 */
export type MessageVisitor = (
  view: Uint8Array,
  offset: number,
  byteLength: number,
  type: number,
  sequence: number,
  headerOffset: number,
) => void;

export abstract class RingReader {
  /** Position of the next unit to read from shared memory. */
  position = Number.NaN;
  /** The head at the last look of {@link available} that found something. */
  protected knownHead = Number.NaN;
  /** Messages delivered, in total. */
  received = 0;
  /** Sequence of the last message delivered; before the first, that of the message before it. */
  lastSequence = Number.NaN;
  /** Messages passed over by choice (`latest`). */
  skipped = 0;
  /** Messages wanted (`every`) and overrun. Slots ring: counted in slots. */
  lost = 0;
  /** The publisher's words made no sense; the owner ends the connection. */
  corrupt = false;
  /** Letting go found the publisher waiting; the owner sends a WAKE and clears it. */
  mustWakePublisher = false;
  /** Latency of the last sampled message in µs, negative when none is new. The owner takes and clears it. */
  latencySampleUs = -1;
  protected readonly control: ControlViews;
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;
  protected readonly bytes: Uint8Array;
  protected readonly capacity: number;
  protected readonly mask: number;
  protected readonly writeAhead: number;
  protected readonly base: number;
  protected readonly page: Int32Array;
  protected readonly options: RingReaderOptions;

  constructor(
    control: ControlViews,
    page: Int32Array,
    geometry: ControlGeometry,
    options: RingReaderOptions,
  ) {
    this.control = control;
    this.words = control.words;
    this.doubles = control.doubles;
    this.bytes = control.bytes;
    this.page = page;
    this.capacity = geometry.slots;
    this.mask = geometry.slots - 1;
    this.writeAhead = geometry.writeAhead;
    this.base = geometry.recordsOffset / 4;
    this.options = options;
    this.position = options.position;
    this.lastSequence = options.sequence - 1;
  }

  /** The writer never passes this reader: it loses nothing, and looks at the ring without copying. */
  get pinned(): boolean {
    return this.options.pinned;
  }

  /** Units announced and not yet read. */
  get lag(): number {
    return distance32(Atomics.load(this.words, Header.head), this.position | 0);
  }

  /** Units copied and not yet delivered: they are no part of `lag`. */
  abstract get buffered(): number;

  /**
   * Visits up to `max` messages, the oldest first, and returns how many. One call goes through one ring's worth at
   * most, so it ends against a writer that never pauses; what then remains was published after the call began, so
   * its doorbell rings. A visitor that throws has had its message.
   */
  abstract drain(visit: MessageVisitor, max: number): number;

  /** Messages were lost, and how many shows with the next one, or with `finish`. */
  abstract get hasUncounted(): boolean;

  /** Nothing more is written, and all that is there was visited: counts what no later message told of. */
  abstract finish(): void;

  /**
   * Units that may be copied now, 0 when there are none. A reader that was overrun goes on at the head, one that is
   * behind its own budget at the newest message: always message boundaries.
   */
  protected available(): number {
    const ahead = this.ahead();
    if (ahead <= 0) return 0;
    this.knownHead = this.position + ahead;
    if (this.options.pinned && ahead <= this.capacity) return ahead;
    if (ahead > this.capacity - this.writeAhead) {
      this.jump(ahead);
      return 0;
    }
    if (ahead <= this.options.maxLag) return ahead;
    return this.skipToBudget();
  }

  /** Behind its own budget, not overrun: what it wants is the newest message, however many units that takes. */
  private skipToBudget(): number {
    const newestStart = this.words[Header.newestStart] as number;
    const ahead = this.ahead();
    if (ahead <= 0 || ahead > this.capacity - this.writeAhead) return 0;
    const skipped = this.aheadOfNewest(newestStart, ahead);
    if (skipped > 0) this.jump(skipped);
    return ahead - skipped;
  }

  /**
   * Units announced and not yet read; negative when that cannot be told now. The low word of the head says it as
   * long as its high word is the expected one: a reader that was stopped for 2^31 units and more, a minute of a fast
   * stream, must neither call the publisher corrupt nor take a new lap for an old one.
   */
  protected ahead(): number {
    const ahead = this.lag;
    const high = highWord(this.position + ahead);
    if (this.words[Header.highA] === high || this.words[Header.highB] === high) return ahead;
    return this.farAhead();
  }

  private farAhead(): number {
    const words = this.words;
    for (let attempt = 0; attempt < 4; attempt++) {
      const high = Atomics.load(words, Header.highB);
      const low = Atomics.load(words, Header.head);
      if (words[Header.highA] !== high) continue;
      const head = joinUnsigned(low, high);
      if (head >= this.position && head <= Number.MAX_SAFE_INTEGER) return head - this.position;
      this.corrupt = true;
      return -1;
    }
    return -1; // The writer is between two stores of its head: its doorbell rings when it is through.
  }

  /** After copying from `this.position`: was the writer far enough away all the time? Else goes on at the head. */
  protected copyHolds(): boolean {
    if (this.options.pinned) return true;
    const ahead = this.aheadAfterCopy();
    if (ahead >= 0 && ahead + this.writeAhead <= this.capacity) return true;
    if (ahead > 0) this.jump(ahead);
    return false;
  }

  /** Between the copy and the load of the head stands a store, so that arm64 cannot load first (test/model). */
  protected aheadAfterCopy(): number {
    Atomics.store(this.page, Page.order, 0);
    return this.ahead();
  }

  /**
   * Units that lie before the newest message, 0 when it is the next one in order. `newestStart` is stored after the
   * head, so it is loaded before it: then it never names a message beyond `ahead`. It may still name one already
   * delivered; the next one in order is taken then, so that a look never ends empty-handed while something is there.
   */
  protected aheadOfNewest(newestStart: number, ahead: number): number {
    const back = distance32((this.position + ahead) | 0, newestStart);
    return back > 0 && back < ahead ? ahead - back : 0;
  }

  /** Moves on; what lies before the new position may be rewritten. */
  protected advance(units: number): void {
    this.position += units;
    Atomics.store(this.page, Page.cursor, this.position | 0);
    if (publisherWaits(this.page)) this.mustWakePublisher = true;
  }

  /**
   * Goes on `units` further because what lies between is gone. Not so `latest`: behind the head it would miss the newest
   * message, whose start it finds in its next look.
   */
  private jump(units: number): void {
    if (this.options.delivery === 'latest') return;
    this.overrun(units);
    this.advance(units);
  }

  /** Counts what a jump over `units` loses. */
  protected abstract overrun(units: number): void;

  protected isMember(sequence: number): boolean {
    const { index, count } = this.options.share;
    return count === 1 || sequence % count === index;
  }

  /** How many sequences of this reader's share lie in [from, to). */
  protected members(from: number, to: number): number {
    return countMembers(this.options.share, from - 1, to - 1);
  }

  /** Takes the writer's time stamp when it belongs to a message of the next `units`. */
  protected sampleLatency(units: number): void {
    const stamped = this.words[Header.samplePosition] as number;
    if (distance32(stamped, this.position | 0) >= units) return;
    const timeNs = this.doubles[HeaderDouble.sampleTimeNs] as number;
    if (this.words[Header.samplePosition] !== stamped) return;
    const latencyUs = (this.options.now() - timeNs) / 1000;
    if (latencyUs >= 0) this.latencySampleUs = latencyUs;
  }
}
