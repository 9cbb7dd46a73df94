/**
 * What becomes of the frames under way when their publisher dies: decided once, by whichever of two threads comes
 * first. One is the thread of the subscriber; the other, the guard, acts when that thread cannot, because it stands in
 * a call of the driver that waits for a stream, which waits for the dead publisher.
 *
 * Why no frame that a stream read too early passes for complete (the argument; `test/model` searches it on this code):
 * - Each leased frame has one word here that goes from undecided to complete or lost, by compare-exchange, and never
 *   from one of these to the other. The subscriber tells of a frame only what stands there after its own attempt: it
 *   says ready when the word says complete, lost when it says lost, whatever it saw in the fence itself.
 * - A thread poisons only after it has found every frame here decided, by itself or by the other. So each frame that a
 *   stream waits for is decided before the stream is freed, in every interleaving of the two; a fence that a dying GPU
 *   reaches after that changes nothing. A frame becomes complete only while its fence is reached: its data is there.
 * - No wait is enqueued for a frame that the guard has not seen: the subscriber first stores the frame here, then looks
 *   at the phase, and enqueues only while nobody has taken over. The guard first takes over, then looks at the frames.
 *   All four are sequentially consistent, so either the subscriber sees that it is too late, or the guard sees the frame.
 * - The same holds for what was computed from a frame: the subscriber first stores the output here, then looks whether
 *   the frame is lost; the guard first makes it lost, then looks at the outputs. One of them marks the output, before
 *   the stream that makes it is freed, or (when it comes later) before the subscriber goes on.
 * - A frame that its stream has given back is none of the guard's: it looks at the fence first and at the lease after
 *   it. A lease that is held then was held before, so the fence was that of this frame.
 *
 * Neither thread ever waits for the other here: the guard may be ended at any point.
 */
import { highWord, lowWord } from '../core/index.js';

/** Who has the say over the end of the publisher. It only goes up, and only by compare-exchange. */
export const EndPhase = Object.freeze({
  /** The publisher lives, as far as anybody knows. */
  watching: 0,
  subscriberDecides: 1,
  guardDecides: 2,
  /** All is decided, and the streams are freed. */
  decided: 3,
});

/** What is known of a frame: the two low bits of its word; above them are low bits of its sequence. */
const NONE = 0;
const UNDECIDED = 1;
const COMPLETE = 2;
const LOST = 3;
const VERDICT_MASK = 3;

/** Outputs of a frame that the guard can mark. */
export const MAX_GUARDED_OUTPUTS = 8;

/** Words before the frames; the first is the phase, the others belong to whoever made the memory. */
const HEADER_WORDS = 16;
const PHASE = 0;

/** Of a frame. The word that is stored last is atomic; the others are stable while it stays as it is. */
const VERDICT = 0;
const SLOT = 1;
const SEQUENCE_LOW = 2;
const SEQUENCE_HIGH = 3;
const OUTPUTS = 4;
const FIRST_OUTPUT = 5;
const OUTPUT_WORDS = 4;
/** Whole cache lines. */
const FRAME_WORDS = 48;

/** What the guard needs to know and to do. */
export interface GuardView {
  /** Whether a frame's data is there. */
  reached(slot: number, sequence: number): boolean;
  /** Whether a lease word still names the slot. */
  isHeld(lease: number, slot: number): boolean;
  /** Flags the record at `address` as incomplete, unless it shows another frame than `sequence`. */
  markIncomplete(address: number, sequence: number): void;
}

/** Over memory that the subscriber's thread and the guard share, all zero at first. Leases are numbered by lease word. */
export class FenceVerdicts {
  constructor(
    private readonly words: Int32Array,
    private readonly leases: number,
  ) {}

  static wordsNeeded(leases: number): number {
    return HEADER_WORDS + leases * FRAME_WORDS;
  }

  get phase(): number {
    return Atomics.load(this.words, PHASE);
  }

  /** Takes over the end of the publisher, unless somebody has. */
  takeOver(by: 'subscriber' | 'guard'): boolean {
    const { watching, subscriberDecides, guardDecides } = EndPhase;
    const phase = by === 'guard' ? guardDecides : subscriberDecides;
    return Atomics.compareExchange(this.words, PHASE, watching, phase) === watching;
  }

  /** Every frame is decided and the streams were freed, by whoever took over. */
  finish(by: 'subscriber' | 'guard'): void {
    const { subscriberDecides, guardDecides, decided } = EndPhase;
    const phase = by === 'guard' ? guardDecides : subscriberDecides;
    Atomics.compareExchange(this.words, PHASE, phase, decided);
  }

  /** Subscriber: a frame was claimed. */
  add(lease: number, slot: number, sequence: number): void {
    const at = this.frameAt(lease);
    this.clear(lease);
    this.words[at + SLOT] = slot;
    this.words[at + SEQUENCE_LOW] = lowWord(sequence) | 0;
    this.words[at + SEQUENCE_HIGH] = highWord(sequence);
    this.words[at + OUTPUTS] = 0;
    Atomics.store(this.words, at + VERDICT, wordOf(sequence, UNDECIDED));
  }

  /** Subscriber: the frame is given back, by the processor. What a stream gives back stays until the next `add`. */
  clear(lease: number): void {
    Atomics.store(this.words, this.frameAt(lease) + VERDICT, NONE);
  }

  /**
   * Subscriber: what a frame is, given what its fence shows now and whether its publisher is known to be dead. Decides
   * when that is enough to decide.
   */
  judge(
    lease: number,
    sequence: number,
    isReached: boolean,
    hasEnded: boolean,
  ): 'pending' | 'ready' | 'lost' {
    const at = this.frameAt(lease) + VERDICT;
    const undecided = wordOf(sequence, UNDECIDED);
    let found = Atomics.load(this.words, at);
    if (found === undecided) {
      if (!isReached && !hasEnded && this.phase === EndPhase.watching) return 'pending';
      const verdict = wordOf(sequence, isReached ? COMPLETE : LOST);
      found = Atomics.compareExchange(this.words, at, undecided, verdict);
      if (found === undecided) found = verdict;
    }
    if (found === wordOf(sequence, COMPLETE)) return 'ready';
    if (found === wordOf(sequence, LOST)) return 'lost';
    // Given back and claimed anew: nobody knows more of it than the fence.
    return isReached ? 'ready' : hasEnded ? 'lost' : 'pending';
  }

  /**
   * Subscriber: names an output that was computed from a frame. Afterwards it must look by `judge` whether the frame is
   * lost already. False when there are more outputs than the guard can mark.
   */
  addOutput(lease: number, frame: number, address: number, sequence: number): boolean {
    const base = this.frameAt(lease);
    const found = Atomics.load(this.words, base + VERDICT);
    const isThere = (found & VERDICT_MASK) !== NONE;
    if (!isThere || (found & ~VERDICT_MASK) !== wordOf(frame, NONE)) return true;
    const count = this.words[base + OUTPUTS] as number;
    if (count >= MAX_GUARDED_OUTPUTS) return false;
    const at = base + FIRST_OUTPUT + count * OUTPUT_WORDS;
    this.words[at] = lowWord(address) | 0;
    this.words[at + 1] = highWord(address);
    this.words[at + 2] = lowWord(sequence) | 0;
    this.words[at + 3] = highWord(sequence);
    Atomics.store(this.words, base + OUTPUTS, count + 1);
    return true;
  }

  /** Guard, after it has taken over: decides what is undecided and marks what was computed from lost frames. */
  decide(view: GuardView): void {
    for (let lease = 0; lease < this.leases; lease++) {
      const at = this.frameAt(lease);
      const found = Atomics.load(this.words, at + VERDICT);
      if ((found & VERDICT_MASK) === NONE) continue;
      const slot = this.words[at + SLOT] as number;
      const sequence = this.number(at + SEQUENCE_LOW);
      const verdict = this.verdictOf(lease, found, slot, sequence, view);
      if ((verdict & VERDICT_MASK) === LOST) this.markOutputs(at, verdict, view);
    }
  }

  private verdictOf(
    lease: number,
    found: number,
    slot: number,
    sequence: number,
    view: GuardView,
  ): number {
    if ((found & VERDICT_MASK) !== UNDECIDED) return found;
    const isReached = view.reached(slot, sequence);
    if (!isReached && !view.isHeld(lease, slot)) return found;
    const at = this.frameAt(lease) + VERDICT;
    const verdict = (found & ~VERDICT_MASK) | (isReached ? COMPLETE : LOST);
    const before = Atomics.compareExchange(this.words, at, found, verdict);
    return before === found ? verdict : before;
  }

  private markOutputs(at: number, verdict: number, view: GuardView): void {
    const count = Atomics.load(this.words, at + OUTPUTS);
    for (let output = 0; output < Math.min(count, MAX_GUARDED_OUTPUTS); output++) {
      const first = at + FIRST_OUTPUT + output * OUTPUT_WORDS;
      const address = this.number(first);
      const sequence = this.number(first + 2);
      // The words are those of this frame as long as its own word stands.
      if (Atomics.load(this.words, at + VERDICT) !== verdict) return;
      view.markIncomplete(address, sequence);
    }
  }

  private number(at: number): number {
    const low = Atomics.load(this.words, at) >>> 0;
    return Atomics.load(this.words, at + 1) * 2 ** 32 + low;
  }

  private frameAt(lease: number): number {
    return HEADER_WORDS + lease * FRAME_WORDS;
  }
}

/** 30 bits of the sequence tell a frame from the one before under the same lease. */
function wordOf(sequence: number, verdict: number): number {
  return (lowWord(sequence) << 2) | verdict;
}
