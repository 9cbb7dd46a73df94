/**
 * Agents as automata, found by running the real code.
 *
 * An operation of an agent (one call into the code under test) is a deterministic function of the agent's fields at
 * its start and of the values that its shared accesses return. So a place inside an operation is fully described by
 * (snapshot at the start, move, values so far): this is a *node*. A node knows the access that comes next, and for
 * each value which that access may return, the node after it. Each such pair is computed once, by putting the agent
 * back to the snapshot and running the operation again with the recorded values (their stores are not repeated). The
 * search then steps agents by table.
 */
import { type Access, NewPoint, type Run, type SharedMemory, STOP } from './shared-memory.js';
import { capture, type Snapshot } from './snapshot.js';

/** What an agent tells about itself between two operations. */
export interface Summary {
  /** One word for traces. */
  readonly phase: string;
  /** Sleeps until somebody rings. */
  readonly asleep?: boolean;
  /** Has come to its planned end. */
  readonly ended?: boolean;
  /** Low word of the last sequence, or of the position, that the agent is done with. */
  readonly done?: number;
  /** `done` before a loss that has just been found. */
  readonly lostFrom?: number;
}

/** One thing that an agent may do next. More than one: the search tries each. */
export interface Move {
  readonly name: string;
  run(): void;
}

export interface Program {
  readonly name: string;
  /** Called between operations; touches no shared memory. None: the agent is through. */
  moves(): readonly Move[];
  summary(): Summary;
}

interface Agent {
  readonly index: number;
  readonly program: Program;
  readonly own: Map<number, number>;
}

export interface Option {
  readonly name: string;
  /** None: a step without an access; its next node is known from the start. */
  readonly access: Access | undefined;
  /** By the number of the value that the access returned; a step that returns nothing has its next node at 0. */
  readonly next: Map<number, number>;
}

export interface Node {
  readonly agent: number;
  readonly start: Snapshot;
  readonly move: number;
  readonly values: readonly number[];
  readonly options: readonly Option[];
  readonly summary: Summary;
  readonly failure: string | undefined;
}

const DEAD_SUMMARY: Summary = { phase: 'dead' };
const NOWHERE: Snapshot = { key: '', restore: () => undefined };
/** Moves in a row without any access: a program that does more of them never ends. */
const MAX_LOCAL_STEPS = 50;

/** The node of a crashed agent. */
export const DEAD = 0;

export class Automata {
  readonly nodes: Node[] = [node(-1, NOWHERE, 0, [], [], DEAD_SUMMARY)];
  readonly agents: Agent[];
  /** Runs of the code under test. */
  replays = 0;
  private readonly known: Map<string, number>[];
  private depth = 0;

  constructor(
    private readonly memory: SharedMemory,
    programs: readonly Program[],
  ) {
    this.agents = programs.map((program, index) => ({ index, program, own: new Map() }));
    this.known = programs.map(() => new Map<string, number>());
  }

  /** The node of an agent before its first operation. */
  start(agent: number): number {
    return this.between(this.agents[agent] as Agent);
  }

  /** The node after `option` of node `id` returned `value`, which has `number` in the option's table. */
  after(id: number, option: number, number: number, value: number): number {
    const from = this.nodes[id] as Node;
    const { next } = from.options[option] as Option;
    const agent = this.agents[from.agent] as Agent;
    const move = from.move < 0 ? option : from.move;
    const reached = this.advance(agent, from.start, move, [...from.values, value], from);
    next.set(number, reached);
    return reached;
  }

  private advance(
    agent: Agent,
    start: Snapshot,
    move: number,
    values: readonly number[],
    from: Node,
  ): number {
    const outcome = this.execute(agent, start, move, values);
    if (outcome === undefined) return this.between(agent);
    if (typeof outcome === 'string') {
      return this.add(node(agent.index, start, move, values, [], from.summary, outcome));
    }
    const { name, access } = outcome;
    const options = [{ name, access, next: new Map<number, number>() }];
    return this.add(node(agent.index, start, move, values, options, from.summary));
  }

  private add(added: Node): number {
    return this.nodes.push(added) - 1;
  }

  /** Runs an operation up to the access after `values`: that access, the text of a failure, or nothing. */
  private execute(
    agent: Agent,
    start: Snapshot,
    moveIndex: number,
    values: readonly number[],
  ): { name: string; access: Access } | string | undefined {
    start.restore();
    const move = agent.program.moves()[moveIndex] as Move;
    const { index, own } = agent;
    const run: Run = { agent: index, own, values, next: 0, pending: undefined, failure: undefined };
    this.memory.run = run;
    this.replays++;
    try {
      move.run();
    } catch (error) {
      if (error instanceof NewPoint) throw error;
      if (run.failure !== undefined) return run.failure;
      if (error === STOP && run.pending !== undefined) {
        return { name: move.name, access: run.pending };
      }
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.memory.run = undefined;
    }
    if (run.next !== values.length) return 'the operation took another path when it was run again';
    return undefined;
  }

  /** The node of an agent as it stands now, between two operations. */
  private between(agent: Agent): number {
    const start = capture([agent.program, agent.own]);
    const known = this.known[agent.index] as Map<string, number>;
    const found = known.get(start.key);
    if (found !== undefined) return found;
    if (this.depth > MAX_LOCAL_STEPS) throw new Error('a program without end');
    const summary = agent.program.summary();
    const moves = agent.program.moves();
    const options: Option[] = [];
    for (let move = 0; move < moves.length; move++) {
      const outcome = this.execute(agent, start, move, []);
      const { name } = moves[move] as Move;
      if (typeof outcome === 'object') {
        options.push({ name, access: outcome.access, next: new Map() });
        continue;
      }
      // No access at all: with one move there is nothing to choose, so the agent is where the move ends.
      this.depth++;
      const reached =
        outcome === undefined
          ? this.between(agent)
          : this.add(node(agent.index, start, move, [], [], summary, outcome));
      this.depth--;
      if (moves.length === 1) {
        known.set(start.key, reached);
        return reached;
      }
      options.push({ name, access: undefined, next: new Map([[0, reached]]) });
    }
    const id = this.add(node(agent.index, start, -1, [], options, summary));
    known.set(start.key, id);
    return id;
  }
}

function node(
  agent: number,
  start: Snapshot,
  move: number,
  values: readonly number[],
  options: readonly Option[],
  summary: Summary,
  failure?: string,
): Node {
  return { agent, start, move, values, options, summary, failure };
}
