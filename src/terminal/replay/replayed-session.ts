import type { TerminalSize } from '../../ffi/index.js';
import { nameColor } from '../view/index.js';
import type { Recording } from './recording.js';
import { type HasTime, ReplayedAgent } from './replayed-agent.js';

const ALWAYS: HasTime = () => true;

/** All agents of a recording at one moment of it. */
export class ReplayedSession {
  readonly agents: readonly ReplayedAgent[];
  readonly lengthMs: number;

  constructor({ agents, lengthMs }: Recording) {
    this.agents = agents.map((agent, index) => new ReplayedAgent(agent, nameColor(index)));
    this.lengthMs = lengthMs;
  }

  /** To a moment before or after: to be reached with `advance`. What is shown stays until it is there. */
  seek(toMs: number): void {
    for (const agent of this.agents) agent.seek(toMs);
  }

  /** Plays all until `toMs`, which is included, while there is time. Whether they are there. */
  advance(toMs: number, hasTime: HasTime = ALWAYS): boolean {
    for (const agent of this.agents) if (!agent.advance(toMs, hasTime)) return false;
    for (const agent of this.agents) agent.settle();
    return true;
  }

  /** Sizes of panes by name. Whether `advance` has to be called again for the moment that was reached. */
  resize(sizes: ReadonlyMap<string, TerminalSize>): boolean {
    let isBehind = false;
    for (const agent of this.agents) {
      const size = sizes.get(agent.name);
      if (size !== undefined && agent.resize(size)) isBehind = true;
    }
    return isBehind;
  }

  close(): void {
    for (const agent of this.agents) agent.close();
  }
}
