/**
 * Runs one instance to its end: finds the points, then searches.
 *
 * What a pass means: every interleaving of the named agents at the named size, no more. One publisher, one or two
 * readers, 2 to 4 slots (rings 2 to 8), 2 to 9 units published, store buffers of 3 to 6 entries. Payloads are one or two
 * words that change. `tso` is x86-64; `arm` reorders stores and one kind of load, it is no full Armv8 model. A copy
 * loads word by word, forwards or backwards. Sockets are a WAKE that is there or not, an end and a WELCOME; what the
 * owner of the ring code does with them (the bus) is in the programs `*-publisher.ts` and `*-subscriber.ts`. GPU streams
 * are agents of their own that outlive their process for a while; their stores and waits take effect one by one, and a
 * driver that loses or reorders work within a stream is not modelled. Blocks of kernels that write a ring reorder their
 * stores between fences; that their loads could be early is not modelled. The guard of the fences
 * has instances of its own, over one lease. Epochs and `worker-ring` are not modelled; nor
 * are hostile words, which test/fuzz feeds.
 */
import { type Bounds, type Result, search, walk } from './search.js';
import { type CopyOrder, NewPoint, SharedMemory } from './shared-memory.js';
import { System, type SystemOptions } from './system.js';
import type { World } from './world.js';

export interface CheckOptions extends SystemOptions, Bounds {
  readonly copyOrder?: CopyOrder;
}

export interface Report extends Result {
  readonly seconds: number;
  /** Words that needed steps. */
  readonly points: number;
  /** Places in the code under test, and runs of it. */
  readonly nodes: number;
  readonly replays: number;
}

/** Random walks before the search, so that few points are met late and make it start again. */
const WALKS = 60;
const WALK_STEPS = 600;

export function check(build: (memory: SharedMemory) => World, options: CheckOptions): Report {
  const points = new Set<number>();
  const keepsFences = (options.ordering ?? 'sc') !== 'sc';
  const contended = new Set<number>();
  const start = performance.now();
  let walked = false;
  for (;;) {
    try {
      const world = build(new SharedMemory(points, contended, options.copyOrder, keepsFences));
      points.add(world.head);
      const system = new System(world, options);
      if (!walked) walk(system, WALKS, WALK_STEPS);
      walked = true;
      const result = search(system, options);
      const seconds = (performance.now() - start) / 1000;
      const { nodes, replays } = system.automata;
      return { ...result, seconds, points: points.size, nodes: nodes.length, replays };
    } catch (error) {
      if (!(error instanceof NewPoint)) throw error;
      points.add(error.address);
      if (error.isContended) contended.add(error.address);
    }
  }
}
