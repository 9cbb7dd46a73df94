/** What a subscriber of messages does with a ring, one call into the real code an operation. */
import { lowWord } from '../../src/core/index.js';
import { slotsOfMessage } from '../../src/layout/index.js';
import type { Doorbell, RingReader } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import { type RingParts, type RingReaderPlan, stampOf } from './ring-plan.js';
import { payloadWord } from './shared-memory.js';
import { declareAtom } from './snapshot.js';

type ReaderPhase = 'join' | 'look' | 'arm' | 'sleep' | 'end';

/** What readers take for the time: later than any stamp. */
const READER_NOW_NS = 2 ** 20;

export class RingSubscriber implements Program {
  readonly name: string;
  private phase: ReaderPhase;
  private reader: RingReader | undefined;
  private readonly doorbell: Doorbell;
  private readonly page: Int32Array;
  /** Sequence of the next message when nothing is missed. */
  private expected = 1;
  private finishing = false;
  private lostFrom: number | undefined;
  /** A jump was seen whose loss shows in the next message. */
  private isLossKnown = false;

  constructor(
    private readonly parts: RingParts,
    private readonly index: number,
    position: number,
  ) {
    this.name = `reader ${index}`;
    this.page = parts.pages[index] as Int32Array;
    this.doorbell = parts.code.readerDoorbell(this.page);
    this.phase = this.plan.late === undefined ? 'look' : 'join';
    if (this.plan.late === undefined) {
      this.connect(position, parts.plan.layout === 'slots' ? position + 1 : 1);
    }
  }

  private get plan(): RingReaderPlan {
    return this.parts.plan.readers[this.index] as RingReaderPlan;
  }

  private connect(position: number, sequence: number): void {
    const { code, control, geometry, plan } = this.parts;
    const { delivery, pinned = false, maxLag = geometry.slots } = this.plan;
    const Reader = plan.layout === 'slots' ? code.SlotsReader : code.BytesReader;
    const share = { index: 0, count: 1 };
    const now = (): number => READER_NOW_NS;
    const options = { delivery, maxLag, pinned, position, sequence, share, now };
    this.reader = new Reader(control, this.page, geometry, declareAtom(options));
    this.expected = sequence;
  }

  summary(): Summary {
    const { phase, reader, lostFrom } = this;
    return {
      phase,
      asleep: phase === 'sleep',
      ended: phase === 'end',
      ...(reader === undefined ? {} : { done: lowWord(reader.position) | 0 }),
      ...(lostFrom === undefined ? {} : { lostFrom }),
    };
  }

  moves(): readonly Move[] {
    if (this.phase === 'end') return [];
    if (this.phase !== 'sleep') return [{ name: this.phase, run: () => this.main() }];
    return [
      { name: 'woken', run: () => this.woken() },
      { name: 'ended', run: () => this.ended() },
    ];
  }

  private main(): void {
    switch (this.phase) {
      case 'join': {
        const { position, sequence } = this.parts.sockets.awaitWelcome(this.index);
        this.connect(position, sequence);
        this.phase = 'look';
        return;
      }
      case 'look':
        return this.look(this.reader as RingReader);
      case 'arm':
        this.phase = this.doorbell.mustLookAgain() ? 'look' : 'sleep';
        if (this.phase === 'look') return;
        if (this.parts.plan.plant === 'wakes drained after the last look') {
          this.parts.sockets.drain(this.index);
        }
        return;
    }
  }

  private woken(): void {
    this.parts.sockets.awaitWake(this.index);
    this.doorbell.woken();
    this.phase = 'look';
  }

  private ended(): void {
    this.parts.sockets.awaitEnd(this.index);
    this.finishing = true;
    this.phase = this.parts.plan.plant === 'no look after the end of the socket' ? 'end' : 'look';
  }

  private look(reader: RingReader): void {
    const before = reader.position;
    const lostBefore = reader.lost;
    this.lostFrom = undefined;
    const visited = reader.drain((view, offset, byteLength, _type, sequence) => {
      this.see(reader, before, { view, offset, byteLength, sequence });
    }, this.plan.max ?? 1);
    if (reader.corrupt) this.parts.memory.fail('an honest publisher was called corrupt');
    if (reader.position < before) this.parts.memory.fail('the reader went backwards');
    this.checkSample(reader, before);
    if (visited === 0 && (reader.position > before || reader.lost > lostBefore)) {
      if (this.plan.delivery === 'every') this.lose(before);
      // Passing over all there is, the newest too, is right only when a newer one is there by now.
      else this.lostFrom = lowWord(reader.position) | 0;
    }
    reader.received = 0;
    forgetWhatIsOver(reader as unknown as Copies, this.parts.geometry.recordBytes);
    if (visited === 0) this.phase = this.finishing ? 'end' : 'arm';
    else if (this.parts.plan.plant === 'a unit lowers the doorbell') this.doorbell.woken();
    if (!reader.mustWakePublisher) return;
    reader.mustWakePublisher = false;
    if (this.parts.plan.plant !== 'a reader rings nobody') this.parts.sockets.wakePublisher();
  }

  /** What follows the last message delivered is lost; the search asks whether that may be. */
  private lose(before: number): void {
    this.isLossKnown = true;
    if (this.plan.pinned === true) this.parts.memory.fail('a pinned reader lost a message');
    const from = this.parts.plan.layout === 'slots' ? this.expected - 1 : before;
    this.lostFrom = lowWord(from) | 0;
  }

  private see(reader: RingReader, before: number, message: Seen): void {
    const { view, offset, byteLength, sequence } = message;
    const words = byteLength / 4;
    const stamp = stampOf(sequence, words);
    for (const word of words === 1 ? [0] : [0, words - 1]) {
      const found = payloadWord(view, offset + word * 4);
      if (found !== stamp) this.parts.memory.fail(`torn: message ${stamp} shows ${found}`);
    }
    const missed = sequence - this.expected;
    if (missed < 0) this.parts.memory.fail(`message ${sequence} came twice`);
    const counted = this.plan.delivery === 'every' ? reader.lost : reader.skipped;
    if (missed !== counted) {
      this.parts.memory.fail(`${missed} missed before ${sequence}, ${counted} counted`);
    }
    if (missed > 0 && this.plan.delivery === 'every' && !this.isLossKnown) this.lose(before);
    this.isLossKnown = false;
    reader.lost = 0;
    reader.skipped = 0;
    const isSlots = this.parts.plan.layout === 'slots';
    this.expected = sequence + (isSlots ? slotsOfMessage(byteLength) : 1);
  }

  /** A latency belongs to a message of the run that was just read: the stamp is the head behind that message. */
  private checkSample(reader: RingReader, before: number): void {
    const { latencySampleUs } = reader;
    reader.latencySampleUs = -1;
    if (latencySampleUs < 0 || this.parts.plan.samples !== true) return;
    const stamp = READER_NOW_NS - Math.round(latencySampleUs * 1000);
    if (stamp <= before || stamp > reader.position) {
      this.parts.memory.fail(
        `the time stamp of ${stamp} was taken for (${before}, ${reader.position}]`,
      );
    }
  }
}

interface Seen {
  readonly view: Uint8Array;
  readonly offset: number;
  readonly byteLength: number;
  readonly sequence: number;
}

/** Fields of the readers that hold copies. */
interface Copies {
  next: number;
  filled: number;
  readonly chunk: { readonly bytes: Uint8Array };
}

/** Clears what lies outside [next, filled) of a copy: it is overwritten before it is read, and equal states are equal. */
function forgetWhatIsOver(reader: Copies, unitBytes: number): void {
  const { bytes } = reader.chunk;
  if (reader.next === reader.filled) reader.next = reader.filled = 0;
  bytes.fill(0, 0, reader.next * unitBytes);
  bytes.fill(0, reader.filled * unitBytes);
}
