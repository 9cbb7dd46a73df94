/**
 * A subscriber's half of the fences: how to wait for the data of a frame that it holds a lease on, and how to free
 * the streams that wait for a publisher which is no more.
 *
 * While a slot is leased, only the job of the frame that it shows can change its fence and its mirror: the publisher
 * takes no slot before the slot's own fence, and none that is leased. So each of the two words holds an older
 * sequence, then the wanted one.
 *
 * At the publisher's end, in this order: decide by {@link FenceReader.reached} which frames under way are complete,
 * for good; {@link FenceReader.publisherEnded}; {@link FenceReader.poison} until the streams are idle. A dead
 * process's GPU may go on for a while, so a fence that is reached after the poison says nothing about what a released
 * stream has read.
 */
import { highWord, lowWord } from '../core/index.js';
import { type ControlGeometry, Page, POOL_RECORD_WORDS, Slot } from '../layout/index.js';

const MIRROR_WORDS = 2;

/**
 * 2^62 - 1: beyond every sequence, and close enough that the signed difference which a GPU takes does not turn over.
 * All bits of the low word are set: a CPU stores the poison in two halves, and a late 64-bit store of the wanted
 * sequence may come between them; what the halves then make together is still no less than that sequence.
 */
const POISON_HIGH = 0x3fffffff;
const POISON_LOW = -1;

export class FenceReader {
  private readonly recordBase: number;
  private hasEnded = false;

  /** `mirroredFrom`: the first sequence whose job stores into this reader's mirrors. */
  constructor(
    private readonly control: Int32Array,
    private readonly page: Int32Array,
    private readonly geometry: ControlGeometry,
    private readonly mirroredFrom: number,
  ) {
    this.recordBase = geometry.recordsOffset / 4;
  }

  /**
   * How to wait for a leased frame. `ready`: its data is there. `queue`: a GPU stream may wait until the slot's mirror
   * is at least `sequence`. `poll`: no store into the mirror will come, because the frame was enqueued before this
   * reader joined or because the publisher is dead; only a CPU that looks at the fence learns of it.
   */
  wayToWait(slot: number, sequence: number): 'ready' | 'queue' | 'poll' {
    if (this.reached(slot, sequence)) return 'ready';
    return sequence >= this.mirroredFrom && !this.hasEnded ? 'queue' : 'poll';
  }

  /** Whether the data of a leased frame is there. Both halves: in memory never used the low one is 0, as in 2^32. */
  reached(slot: number, sequence: number): boolean {
    const record = this.recordBase + slot * POOL_RECORD_WORDS;
    return (
      Atomics.load(this.control, record + Slot.fenceLow) === (lowWord(sequence) | 0) &&
      Atomics.load(this.control, record + Slot.fenceHigh) === highWord(sequence)
    );
  }

  /** Byte offset of a slot's mirror in the page. */
  static mirrorOffsetBytes(slot: number): number {
    return (Page.mirror + slot * MIRROR_WORDS) * 4;
  }

  /** The publisher is dead: from here on `wayToWait` never answers `queue`. */
  publisherEnded(): void {
    this.hasEnded = true;
  }

  /**
   * Releases every stream that waits for a mirror: what it reads then may be incomplete. To be called again until the
   * streams are idle: the last stores of a dying publisher may come after a call.
   */
  poison(): void {
    for (let slot = 0; slot < this.geometry.slots; slot++) {
      const at = Page.mirror + slot * MIRROR_WORDS;
      Atomics.store(this.page, at + 1, POISON_HIGH);
      Atomics.store(this.page, at, POISON_LOW);
    }
  }
}
