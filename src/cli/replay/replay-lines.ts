/** A recording in lines: what all agents wrote, each line with its time and the name of its agent. */
import { MergedLines } from '../../terminal/lines/index.js';
import {
  type AgentSelection,
  PROGRAM_STARTS,
  type RecordedAgent,
  type Recording,
} from '../../terminal/replay/index.js';
import { TERMINAL_TYPE } from '../../terminal/stream/index.js';
import { clockText } from '../../terminal/view/index.js';
import { StandardOutput } from '../lines/lines-sink.js';
import { RecordedPace } from '../recorded-pace.js';
import type { Run } from '../run.js';
import type { ReplayChoices } from './replay-choices.js';

const LINE_FEED = 0x0a;
/** Signals are not heard while nothing waits. */
const EVENTS_A_TURN = 256;

/** Until the recording is through or the run ends. As fast as it is read, except with a speed. */
export async function replayLines(
  run: Run,
  recording: Recording,
  selection: AgentSelection,
  { fromMs, speed = Infinity, idleLimitMs }: ReplayChoices,
): Promise<void> {
  const agents = recording.agents.filter(({ name }) => selection.shows(name));
  const output = new TimedLines(run, recording.lengthMs);
  for (const { name } of agents) output.lines.addAgent(name);
  const pace = new RecordedPace({ fromMs, speed, idleLimitMs });
  let taken = 0;
  for (const { agent, at } of inOrder(agents)) {
    if (run.ended) break;
    taken += 1;
    if (taken % EVENTS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const timeMs = agent.events.timeMs(at);
    if (timeMs < fromMs) continue;
    try {
      await pace.until(timeMs, run.signal);
    } catch {
      // It was told to end: what was complete until then is shown.
      break;
    }
    await output.take(agent, at);
  }
  await output.end();
}

interface Turn {
  readonly agent: RecordedAgent;
  readonly at: number;
}

/** All events by their times; of those at the same time, an agent's in their order. */
function* inOrder(agents: readonly RecordedAgent[]): Generator<Turn, void, undefined> {
  const next = agents.map(() => 0);
  for (;;) {
    let turn = -1;
    let turnMs = Infinity;
    for (const [index, { events }] of agents.entries()) {
      const at = next[index] as number;
      if (at >= events.count || events.timeMs(at) >= turnMs) continue;
      turn = index;
      turnMs = events.timeMs(at);
    }
    const agent = agents[turn];
    if (agent === undefined) return;
    yield { agent, at: next[turn] as number };
    next[turn] = (next[turn] as number) + 1;
  }
}

class TimedLines {
  readonly lines: MergedLines;
  readonly #output: StandardOutput;
  readonly #timeColumns: number;
  #timeMs = 0;

  constructor(run: Run, lengthMs: number) {
    this.#output = new StandardOutput(run);
    this.lines = new MergedLines({ pen: this.#output.pen });
    this.#timeColumns = timeText(lengthMs).length;
  }

  /** Resolves when the output takes more. */
  async take({ name, events }: RecordedAgent, at: number): Promise<void> {
    const timeMs = events.timeMs(at);
    this.lines.showPartialLines(timeMs);
    await this.#flush();
    this.#timeMs = timeMs;
    const type = events.type(at);
    if (type === TERMINAL_TYPE.output) this.lines.write(name, events.bytes(at), timeMs);
    else if (type === TERMINAL_TYPE.exit || type === PROGRAM_STARTS) this.lines.endAgent(name);
    await this.#flush();
  }

  async end(): Promise<void> {
    this.lines.end();
    await this.#flush();
  }

  /** Before each line stands when it was complete. */
  async #flush(): Promise<void> {
    const lines = this.lines.take();
    if (lines.byteLength === 0) return;
    const time = Buffer.from(`${timeText(this.#timeMs).padStart(this.#timeColumns)} `);
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < lines.byteLength;) {
      const end = lines.indexOf(LINE_FEED, start) + 1 || lines.byteLength;
      pieces.push(time, lines.subarray(start, end));
      start = end;
    }
    this.#output.write(Buffer.concat(pieces));
    while (this.#output.busy) await this.#output.room();
  }
}

/** `1:02.3`: with tenths of a second. */
function timeText(ms: number): string {
  return `${clockText(ms)}.${Math.floor((ms % 1000) / 100)}`;
}
