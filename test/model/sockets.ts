/**
 * The sockets between a publisher and its readers, as words: what a WAKE, an end of a socket and a WELCOME are to the
 * search. Sending is a system call, so it waits for the own store buffer; a reader's socket orders what is in it.
 */
import type { Region, SharedMemory } from './shared-memory.js';

const WORDS = 5;
const enum Word {
  wake,
  closed,
  ended,
  welcome,
  sequence,
}
const NAMES = [
  'wake of',
  'socket closed by',
  'end of socket at',
  'welcome of',
  'first sequence of',
];

export class Sockets {
  private readonly region: Region;
  /** A WAKE on any of the publisher's sockets. */
  readonly publisherWake: number;

  constructor(
    private readonly memory: SharedMemory,
    readonly readers: number,
  ) {
    this.region = memory.region(readers * WORDS + 1, (index) =>
      index === readers * WORDS
        ? 'wake of publisher'
        : `${NAMES[index % WORDS]} reader ${Math.floor(index / WORDS)}`,
    );
    this.publisherWake = this.region.base + readers * WORDS;
    for (let address = this.region.base; address <= this.publisherWake; address++) {
      memory.points.add(address);
      memory.contended.add(address);
    }
  }

  private at(reader: number, word: Word): number {
    return this.region.base + reader * WORDS + word;
  }

  wakeOf(reader: number): number {
    return this.at(reader, Word.wake);
  }

  /** 1: the reader's process is gone; 2: the publisher knows. */
  closedBy(reader: number): number {
    return this.at(reader, Word.closed);
  }

  /** 1: the publisher's process is gone. */
  endedAt(reader: number): number {
    return this.at(reader, Word.ended);
  }

  /** The publisher sends WAKE to a reader. A second one before the first was read breaks a rule. */
  wakeReader(reader: number): void {
    this.memory.access('send', this.wakeOf(reader), 1, true, this.closedBy(reader));
  }

  wakePublisher(): void {
    this.memory.access('store', this.publisherWake, 1, true);
  }

  awaitWake(reader: number): void {
    this.memory.access('await', this.wakeOf(reader), 1, true, 0);
  }

  /** Swallows a WAKE that may be there: what a reader must not do between its last look and its sleep. */
  drain(reader: number): void {
    this.memory.access('exchange', this.wakeOf(reader), 0, true);
  }

  awaitPublisherWake(): void {
    this.memory.access('await', this.publisherWake, 1, true, 0);
  }

  awaitEnd(reader: number): void {
    this.memory.access('await', this.endedAt(reader), 1, true, 2);
  }

  awaitClosed(reader: number): void {
    this.memory.access('await', this.closedBy(reader), 1, true, 2);
  }

  /** The reader closes its end itself. */
  close(reader: number): void {
    this.memory.access('store', this.closedBy(reader), 1, true);
  }

  /** WELCOME with the position and the sequence at which the reader begins. */
  welcome(reader: number, position: number, sequence: number): void {
    this.memory.access('store', this.at(reader, Word.sequence), sequence, true);
    this.memory.access('store', this.at(reader, Word.welcome), position + 1, true);
  }

  awaitWelcome(reader: number): { position: number; sequence: number } {
    const position = this.memory.access('await', this.at(reader, Word.welcome), 0, true, 0) - 1;
    const sequence = this.memory.access('exchange', this.at(reader, Word.sequence), 0, true);
    return { position, sequence };
  }
}
