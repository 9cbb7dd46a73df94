/** Lines mode: what all agents write, as whole lines with the names of their agents, on any output. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, openSubscriber } from '../../bus/index.js';
import { SluiceError } from '../../core/index.js';
import { bytes, json, type MessageFormat, text } from '../../format/index.js';
import { agentChannel, type ControlClient } from '../../terminal/session/index.js';
import { LinesOutput } from '../lines/lines-output.js';
import { StandardOutput } from '../lines/lines-sink.js';
import type { Run } from '../run.js';
import { sessionState } from './session-options.js';

/** How often the session is asked whether an agent runs still. */
const LOOK_MS = 300;

export interface LinesOptions {
  /** Runtime directory. */
  readonly directory: string;
  /** Of the session. */
  readonly client: ControlClient;
  /** Only this one. */
  readonly agent: string | undefined;
}

/** Resolves when all agents have ended and what they wrote is written, or the run ends. Rejects for an agent that is not there. */
export async function showLines(
  run: Run,
  { directory, client, agent }: LinesOptions,
): Promise<void> {
  const { agents, session } = await sessionState(client);
  if (agent !== undefined && !agents.some(({ name }) => name === agent)) {
    throw new SluiceError('SESSION_NOT_FOUND', `session ${session} has no agent ${agent}`, {
      details: { session, name: agent },
    });
  }
  const output = new AgentOutput(run, agent);
  const enough = new AbortController();
  const signal = AbortSignal.any([run.signal, enough.signal]);
  const groups = [bytes(), text(), json()].map((format) =>
    follow(output, format, directory, signal),
  );
  try {
    await untilAllHaveEnded(client, output, signal);
  } finally {
    enough.abort();
    await Promise.all(groups);
    output.end();
  }
}

async function follow(
  output: AgentOutput,
  format: MessageFormat,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const group = await openSubscriber(agentChannel('*'), { format, directory, start: 'oldest' });
  const close = (): void => void group.close();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  for await (const message of group) await output.take(message as Message<MessageFormat>);
}

/** The last words are read before the end is looked for again: two looks without a line between them. */
async function untilAllHaveEnded(
  client: ControlClient,
  output: AgentOutput,
  signal: AbortSignal,
): Promise<void> {
  let quietSince = -1;
  while (!signal.aborted) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    const found = await sessionState(client).catch(() => undefined);
    if (found?.agents.some(({ status }) => status !== 'ended' && status !== 'lost') === true) {
      quietSince = -1;
    } else if (quietSince === output.messages) return;
    else quietSince = output.messages;
  }
}

class AgentOutput {
  messages = 0;
  readonly #only: string | undefined;
  readonly #lines: LinesOutput;

  constructor(run: Run, only: string | undefined) {
    this.#only = only;
    this.#lines = new LinesOutput(new StandardOutput(run));
  }

  /** Resolves when the output takes more. */
  async take(message: Message<MessageFormat>): Promise<void> {
    this.messages += 1;
    const agent = message.channel.slice(agentChannel('').length);
    if (this.#only === undefined || this.#only === agent) await this.#lines.take(agent, message);
  }

  end(): void {
    this.#lines.end();
  }
}
