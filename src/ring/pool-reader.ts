/**
 * A subscriber's half of the frame pool: claims a frame with a lease, looks again, reads it in place, lets go.
 *
 * Every word of the control block is the publisher's and foreign here: slots are bounded before they index anything,
 * retries are bounded, and a sequence that runs backwards is reported instead of believed.
 */
import { distance32, lowWord } from '../core/index.js';
import {
  type ControlGeometry,
  Header,
  Page,
  POOL_RECORD_WORDS,
  Slot,
  SlotState,
} from '../layout/index.js';
import { publisherWaits } from './doorbell.js';
import { countMembers, type Share } from './share.js';

export const Claim = Object.freeze({
  /** No frame beyond the last one is there. */
  nothing: -1,
  /** All granted leases are in use. */
  noLease: -2,
  /** The publisher's words make no sense: end the connection. */
  corrupt: -3,
});

export interface PoolReaderOptions {
  /** `latest`: the newest frame only. `every`: in order, at most `maxLag` behind. */
  readonly delivery: 'latest' | 'every';
  readonly maxLag: number;
  readonly leases: number;
  /** Sequence of the last frame that counts as seen. */
  readonly lastSequence: number;
  /** Only sequences ≡ index (mod count). */
  readonly share: Share;
}

/**
 * A claim that fails this often in a row gives up until the next wake; each failure means a newer frame came. Frames
 * within the lag budget that are gone for other reasons come on top: giving up among those would sleep beside a frame.
 */
const MAX_ATTEMPTS = 16;

export class PoolReader {
  /** Sequence of the last frame delivered or passed over. */
  lastSequence = Number.NaN;
  /** Frames passed over by choice (`latest`), in total. */
  skipped = 0;
  /** Frames wanted (`every`) and missed, in total. */
  lost = 0;
  /** Set whenever letting go found the publisher waiting; the owner sends a WAKE and clears it. */
  mustWakePublisher = false;
  /** By lease word: slot + 1 while claimed. */
  private readonly slotPlusOne: Int32Array;
  /** By lease word: sequence of the frame it holds. */
  private readonly sequences: Float64Array;

  constructor(
    private readonly words: Int32Array,
    private readonly page: Int32Array,
    private readonly geometry: ControlGeometry,
    private readonly options: PoolReaderOptions,
  ) {
    this.lastSequence = options.lastSequence;
    this.slotPlusOne = new Int32Array(options.leases);
    this.sequences = new Float64Array(options.leases);
  }

  /** Leases in use. */
  get held(): number {
    let held = 0;
    for (let i = 0; i < this.slotPlusOne.length; i++) if (this.slotPlusOne[i] !== 0) held++;
    return held;
  }

  /** Frames published and not yet delivered or passed over. */
  get lag(): number {
    return distance32(Atomics.load(this.words, Header.head), lowWord(this.lastSequence));
  }

  slotOf(lease: number): number {
    return (this.slotPlusOne[lease] ?? 0) - 1;
  }

  sequenceOf(lease: number): number {
    return this.sequences[lease] ?? 0;
  }

  /** Claims the next frame by the delivery rule. Returns its lease word, or a negative {@link Claim}. */
  tryClaim(): number {
    const lease = this.freeLease();
    if (lease < 0) return this.lag === 0 ? Claim.nothing : Claim.noLease;
    const attempts = MAX_ATTEMPTS + Math.min(this.options.maxLag, this.geometry.slots);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const ahead = this.lag;
      if (ahead === 0) return Claim.nothing;
      if (ahead > 0x7fffffff) return Claim.corrupt;
      const newest = this.lastSequence + ahead;
      const wanted =
        this.options.delivery === 'latest' ? this.memberUpTo(newest) : this.nextWanted(newest);
      if (wanted === 0) return Claim.nothing;
      if (this.claim(lease, wanted)) {
        if (this.options.delivery === 'latest') {
          this.skipped += countMembers(this.options.share, this.lastSequence, wanted) - 1;
        }
        this.moveTo(wanted);
        return lease;
      }
      this.miss(wanted);
    }
    return Claim.nothing;
  }

  /** Lets go of a claimed frame. Its memory may be rewritten from here on. */
  release(lease: number): void {
    this.slotPlusOne[lease] = 0;
    Atomics.store(this.page, Page.lease + lease, 0);
    if (publisherWaits(this.page)) this.mustWakePublisher = true;
  }

  /**
   * Forgets a claimed frame whose lease word a GPU stream clears, behind the work that reads the frame. The CPU must
   * not clear it: the word would let the slot go while the GPU reads. A GPU rings nobody.
   */
  releaseQueued(lease: number): void {
    this.slotPlusOne[lease] = 0;
  }

  /** Whether the GPU has cleared a lease word left to it. */
  landed(lease: number): boolean {
    return Atomics.load(this.page, Page.lease + lease) === 0;
  }

  /** A lease word that is free on both sides: a word whose release is still queued on a GPU does not read 0. */
  private freeLease(): number {
    for (let i = 0; i < this.slotPlusOne.length; i++) {
      if (this.slotPlusOne[i] === 0 && Atomics.load(this.page, Page.lease + i) === 0) return i;
    }
    return -1;
  }

  private claim(lease: number, wanted: number): boolean {
    const { words, page, geometry } = this;
    const low = lowWord(wanted) | 0;
    const slot = (words[geometry.indexOffset / 4 + (low & (geometry.indexSize - 1))] ?? 0) >>> 0;
    if (slot >= geometry.slots) return false;
    const record = geometry.recordsOffset / 4 + slot * POOL_RECORD_WORDS;
    Atomics.store(page, Page.lease + lease, slot + 1);
    if (
      Atomics.load(words, record + Slot.state) === SlotState.readable &&
      words[record + Slot.sequenceLow] === low
    ) {
      this.slotPlusOne[lease] = slot + 1;
      this.sequences[lease] = wanted;
      return true;
    }
    // A failed claim can be exactly what a waiting publisher waits for: letting go rings like a release.
    Atomics.store(page, Page.lease + lease, 0);
    if (publisherWaits(page)) this.mustWakePublisher = true;
    return false;
  }

  /** Largest sequence ≤ newest of this reader's share that is beyond the last one; 0 when there is none. */
  private memberUpTo(newest: number): number {
    const { index, count } = this.options.share;
    const wanted = newest - ((((newest - index) % count) + count) % count);
    return wanted > this.lastSequence ? wanted : 0;
  }

  /** `every`: the next sequence of this reader's share. Jumps over what is beyond its lag budget and counts it. */
  private nextWanted(newest: number): number {
    const { maxLag, share } = this.options;
    if (newest - this.lastSequence > maxLag) {
      const jumpTo = newest - maxLag;
      this.lost += countMembers(this.options.share, this.lastSequence, jumpTo);
      this.moveTo(jumpTo);
    }
    const wanted =
      this.lastSequence +
      1 +
      ((((share.index - this.lastSequence - 1) % share.count) + share.count) % share.count);
    if (wanted <= newest) return wanted;
    this.moveTo(newest);
    return 0;
  }

  /**
   * A frame that could not be claimed is gone for good: its slot was taken again. `latest` goes on from the newest;
   * `every` first looks whether it fell behind its budget, else the frame was promised and counts as lost.
   */
  private miss(wanted: number): void {
    if (this.options.delivery === 'latest') {
      this.skipped += countMembers(this.options.share, this.lastSequence, wanted);
      this.moveTo(wanted);
    } else if (this.lag <= this.options.maxLag) {
      this.lost += 1;
      this.moveTo(wanted);
    }
  }

  private moveTo(sequence: number): void {
    this.lastSequence = sequence;
    const low = lowWord(sequence) | 0;
    if (this.options.delivery === 'latest') {
      this.page[Page.cursor] = low; // for statistics only: nothing is promised to `latest`
      return;
    }
    Atomics.store(this.page, Page.cursor, low);
    if (publisherWaits(this.page)) this.mustWakePublisher = true;
  }
}
