/** What an instance hands to the search. */
import type { Program } from './automaton.js';
import type { Region, SharedMemory } from './shared-memory.js';
import type { Sockets } from './sockets.js';

/** What an instance consists of. Agent 0 is the publisher, agent r + 1 is reader r. */
export interface World {
  readonly memory: SharedMemory;
  readonly sockets: Sockets;
  readonly programs: readonly Program[];
  /** Address of the word that says how much is published. */
  readonly head: number;
  /** By reader. */
  readonly pages: readonly Region[];
  /**
   * Programs behind the readers: GPU streams. They go on when their process dies, until its GPU work is torn down at
   * any time later, before the end of its socket or after it.
   */
  readonly streams?: readonly Stream[];
  /** Whether a reader that is done up to `done` has something to read, with this head. */
  readonly hasUnread: (reader: number, done: number, head: number) => boolean;
  /** Whether a reader that was done up to `from` had no claim any more to what follows, with this head. */
  readonly mayLose: (reader: number, from: number, head: number) => boolean;
}

export interface Stream {
  /** Agent of the process that it belongs to. */
  readonly owner: number;
  /** Address of the word that is 1 once the dead process has left its GPU. */
  readonly exited: number;
}
