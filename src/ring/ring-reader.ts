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
import { distance32, lowWord } from '../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  Header,
  HeaderDouble,
  Page,
} from '../layout/index.js';
import { publisherWaits } from './doorbell.js';

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
  readonly share: { readonly index: number; readonly count: number };
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
  /** Messages delivered, in total. */
  received = 0;
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
  }

  /** Units announced and not yet read. */
  get lag(): number {
    return distance32(Atomics.load(this.words, Header.head), lowWord(this.position));
  }

  /**
   * Visits up to `max` messages, the oldest first, and returns how many. Allocates nothing once its buffer has grown
   * to the size of the messages.
   */
  abstract drain(visit: MessageVisitor, max: number): number;

  /**
   * Units that may be copied now, 0 when there are none. A reader that was overrun, or is behind its own budget, goes
   * on at the head: always a message boundary.
   */
  protected available(): number {
    const ahead = this.lag;
    if (ahead === 0) return 0;
    if (this.options.pinned && ahead <= this.capacity) return ahead;
    if (ahead > 0x7fffffff) {
      this.corrupt = true;
      return 0;
    }
    const limit = Math.min(this.capacity - this.writeAhead, this.options.maxLag);
    if (ahead <= limit) return ahead;
    this.jump(this.position + ahead);
    return 0;
  }

  /** After copying from `this.position`: was the writer far enough away all the time? */
  protected copyHolds(): boolean {
    if (this.options.pinned) return true;
    // Between the copy and this load stands a store, so that arm64 cannot load the head first (test/model).
    Atomics.store(this.page, Page.order, 0);
    const ahead = this.lag;
    if (ahead + this.writeAhead <= this.capacity) return true;
    this.jump(this.position + ahead);
    return false;
  }

  /** Moves on; what lies before the new position may be rewritten. */
  protected advance(units: number): void {
    this.position += units;
    Atomics.store(this.page, Page.cursor, lowWord(this.position) | 0);
    if (publisherWaits(this.page)) this.mustWakePublisher = true;
  }

  /** Goes on at `position` because what lay between is gone. */
  private jump(position: number): void {
    this.overrun(position - this.position);
    this.advance(position - this.position);
  }

  /** Counts what a jump over `units` loses. */
  protected abstract overrun(units: number): void;

  protected isMember(sequence: number): boolean {
    const { index, count } = this.options.share;
    return count === 1 || sequence % count === index;
  }

  /** Takes the writer's time stamp when it belongs to a message of the run [from, from + units). */
  protected sampleLatency(from: number, units: number): void {
    const stamped = this.words[Header.samplePosition] as number;
    if (distance32(stamped, lowWord(from)) >= units) return;
    const timeNs = this.doubles[HeaderDouble.sampleTimeNs] as number;
    if (this.words[Header.samplePosition] !== stamped) return;
    const latencyUs = (this.options.now() - timeNs) / 1000;
    if (latencyUs >= 0) this.latencySampleUs = latencyUs;
  }
}
