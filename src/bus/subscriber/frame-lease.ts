/** A claimed slot: how many frames share the claim, which streams read it, and what becomes of its data. */
import { POOL_RECORD_WORDS, Slot } from '../../layout/index.js';
import { isDeviceBytes } from '../../tensor/index.js';
import type { SlotBytes } from '../frame-views.js';
import type { FrameSession } from './frame-session.js';

/**
 * `SLUICE_DEBUG=views`: frames hand out private copies that are zeroed at release, so that a view kept too long shows
 * zeros at once instead of a newer frame some day. Slow, and not in place: for finding such bugs only.
 */
const COPIES_VIEWS = (process.env['SLUICE_DEBUG'] ?? '').split(',').includes('views');

const NO_STREAMS: ReadonlySet<number> = new Set();

/** Who publishes what was computed from frames. */
export interface Outputs {
  markIncomplete(slot: number, sequence: number): unknown;
  recordView(slot: number): Int32Array;
}

export class FrameLease {
  ended = false;
  readonly slot: number;
  readonly sequence: number;
  #bytes: SlotBytes | undefined;
  #claims = 1;
  #lost = false;
  /** Streams that wait for the frame: its slot is given back behind what they do with it. Most frames have none. */
  #streams: Set<number> | undefined;
  #dependents: (() => unknown)[] | undefined;

  constructor(
    readonly session: FrameSession,
    readonly word: number,
  ) {
    this.slot = session.reader.slotOf(word);
    this.sequence = session.reader.sequenceOf(word);
  }

  get bytes(): SlotBytes {
    this.#bytes ??= this.#view();
    return this.#bytes;
  }

  /** What `bytes` is from here on: a private copy on a GPU, made by `stream`. */
  showCopy(copy: SlotBytes, stream: number): void {
    this.#bytes = copy;
    this.#addStream(stream);
  }

  /** The streams that read the frame. */
  get streams(): ReadonlySet<number> {
    return this.#streams ?? NO_STREAMS;
  }

  /** Work that is enqueued in `stream` from here on finds the data complete. */
  waitOn(stream: number): void {
    if (this.streams.has(stream)) return;
    this.session.orderBehind(stream, this);
    this.#addStream(stream);
  }

  retain(): void {
    this.#claims += 1;
  }

  /** Gives back one claim; the last one gives the slot back, behind the work in `stream` when one is given. */
  release(stream?: number): void {
    if (stream !== undefined) this.#addStream(stream);
    this.#claims -= 1;
    if (this.#claims > 0) return;
    this.end();
    this.session.letGo(this);
  }

  end(): void {
    this.ended = true;
    if (COPIES_VIEWS && this.#bytes instanceof Uint8Array) this.#bytes.fill(0);
  }

  /** What a reader of the frame sees: its data, where it is copied to a GPU the copy. */
  state(): 'pending' | 'ready' | 'lost' {
    const state = this.fenceState();
    const { upload } = this.session;
    return state === 'ready' && upload?.landed(this) === false ? 'pending' : state;
  }

  /** The publisher's data. */
  fenceState(): 'pending' | 'ready' | 'lost' {
    if (this.#lost) return 'lost';
    const { control, geometry, ended } = this.session;
    const at = geometry.recordsOffset / 4 + this.slot * POOL_RECORD_WORDS;
    const { words } = control;
    const low = Atomics.load(words, at + Slot.fenceLow);
    // Both halves: in memory never used the low one is 0, as it is in the sequence 2^32.
    const reached =
      low === words[at + Slot.sequenceLow] &&
      words[at + Slot.fenceHigh] === words[at + Slot.sequenceHigh];
    const watch = this.session.gpu?.watch;
    if (watch !== undefined) return watch.judge(this.word, this.sequence, reached, ended);
    if (reached) return 'ready';
    return ended ? 'lost' : 'pending';
  }

  /** Flags of the record as they are now: one may be raised until the data is complete. */
  get flags(): number {
    const { control, geometry } = this.session;
    const at = geometry.recordsOffset / 4 + this.slot * POOL_RECORD_WORDS;
    return Atomics.load(control.words, at + Slot.flags);
  }

  /** Marks an output when the data turns out to be lost, at once when that is known already. */
  whenLost(outputs: Outputs, slot: number, sequence: number): void {
    if (!this.#lost) {
      (this.#dependents ??= []).push(() => outputs.markIncomplete(slot, sequence));
      const watch = this.session.gpu?.watch;
      watch?.addOutput(this.word, this.sequence, outputs.recordView(slot), sequence);
    }
    if (this.fenceState() === 'lost') outputs.markIncomplete(slot, sequence);
  }

  /** The publisher ended before the data was complete. Decided once: what lands later is not believed. */
  lose(): void {
    this.#lost = true;
    const dependents = this.#dependents ?? [];
    this.#dependents = undefined;
    for (const notify of dependents) notify();
  }

  #addStream(stream: number): void {
    (this.#streams ??= new Set()).add(stream);
  }

  #view(): SlotBytes {
    const bytes = this.session.bytesOf(this.slot);
    return COPIES_VIEWS && !isDeviceBytes(bytes) ? bytes.slice() : bytes;
  }
}
