/** Runs one instance to its end: finds the points, then searches. */
import { type Bounds, type Result, search, walk } from './search.js';
import { type CopyOrder, NewPoint, SharedMemory } from './shared-memory.js';
import { System, type SystemOptions, type World } from './system.js';

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
