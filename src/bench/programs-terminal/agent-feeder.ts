/** Makes programs write: each so many times a second, all of them evenly spread over the time: for `terminal`. */
import { answer, givenTo } from '../programs-frames/given.js';
import { FifoWriter } from './agent-fifos.js';
import { type AgentText, STEPS_PER_SECOND, textOf } from './agent-words.js';

export interface FeederGiven {
  readonly paths: readonly string[];
}

/** Answered when all was written. */
export interface FeederTask {
  readonly kind: AgentText;
  /** Of each program; left out: until the end of this one. */
  readonly steps?: number;
}

const TICK_MS = 5;

const { paths } = givenTo<FeederGiven>();
const fifos = new FifoWriter(paths);

/** The steps of all programs in one row: program 0, 1, 2…, then program 0 again. */
function feed({ kind, steps = Number.POSITIVE_INFINITY }: FeederTask): void {
  const startMs = performance.now();
  const perMs = (STEPS_PER_SECOND * fifos.count) / 1000;
  const all = steps * fifos.count;
  let next = 0;
  const timer = setInterval(() => {
    const due = Math.min(all, (performance.now() - startMs) * perMs);
    for (; next < due; next += 1) {
      const index = next % fifos.count;
      fifos.write(index, textOf(kind, index, Math.floor(next / fifos.count)));
    }
    if (next < all) return;
    for (let index = 0; index < fifos.count; index += 1) fifos.write(index, '');
    if (!fifos.isDone) return;
    clearInterval(timer);
    void answer({ done: true });
  }, TICK_MS);
}

process.on('message', feed);
await answer({ ready: true });
