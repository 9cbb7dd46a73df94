/** What a pool instance is made of. */
import type { ControlGeometry, ControlViews } from '../../src/layout/index.js';
import type { RingCode } from './code-under-test.js';
import type { Plant } from './plant.js';
import type { SharedMemory } from './shared-memory.js';
import type { Sockets } from './sockets.js';

export interface PoolReaderPlan {
  readonly delivery: 'latest' | 'every';
  readonly maxLag?: number;
  readonly leases?: number;
  /** Joins at any time instead of before the first frame. */
  readonly late?: boolean;
  readonly share?: { readonly index: number; readonly count: number };
}

export interface PoolPlan {
  readonly slots: number;
  /** Slots that the publisher tries to publish, drops included. */
  readonly frames: number;
  readonly readers: readonly PoolReaderPlan[];
  /** `lossless`: waits also for room of `every` readers; `pass over`: the same until its patience ends. */
  readonly policy: 'drop' | 'wait' | 'lossless' | 'pass over';
  /**
   * 1 or 2. One says as much as two, because a reader compares with the sequence it claimed and every interleaving of
   * that one word is searched; two make the traces look like the rule.
   */
  readonly payloadWords?: 1 | 2;
  /** A drop breaks a rule: the pool is large enough. */
  readonly neverDrops?: boolean;
  /** Loans may also be given back unpublished. */
  readonly givesBack?: boolean;
  /** Frames are announced before their data is there; the data follows at any later time, then the fence. */
  readonly deferred?: boolean;
  /** Readers may die, so the publisher watches their sockets. */
  readonly readersDie?: boolean;
  /** Sequence of the frame before the first one. */
  readonly start?: number;
  /**
   * What the owner of the doorbell does. Default: it lowers it at every WAKE, discard and join. `when served`: a WAKE
   * that nobody waits for and a join are forgotten, but it lowers it whenever it got what it waited for.
   */
  readonly lowers?: 'when served';
  readonly plant?: Plant | undefined;
}

export interface PoolParts {
  readonly memory: SharedMemory;
  readonly code: RingCode;
  readonly plan: PoolPlan;
  readonly geometry: ControlGeometry;
  readonly control: ControlViews;
  /** Two words a slot. */
  readonly data: Int32Array;
  readonly pages: readonly Int32Array[];
  readonly sockets: Sockets;
}
