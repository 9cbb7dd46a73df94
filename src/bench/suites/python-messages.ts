/** How many small messages a second the Python client takes from Node and sends to it, beside other ways in Python. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  bytes,
  type BytesFormat,
  type MessagePublisher,
  type MessageSubscriber,
  openPublisher,
  openSubscriber,
} from '../../index.js';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import { PythonProgram } from '../python-program.js';
import { Findings, type Subject } from './findings.js';
import { pythonSuite } from './python-suite.js';

const SUITE = 'python-messages';
const MESSAGE_BYTES = 240;
const SLOTS = 4096;
const BOUND = 1.5;
/** Messages between two turns of the event loop. */
const ROUND = 512;

const TASKS = [
  { task: '240 B in batches of 64', batch: 64 },
  { task: '240 B one by one', batch: 1 },
] as const;
type Task = (typeof TASKS)[number];

const NODE = [
  { subject: 'sluice slots', channel: 'bench/node-slots' },
  { subject: 'sluice bytes', channel: 'bench/node-bytes' },
] as const;
const TO_NODE = 'sluice, Python to Node';
const PYTHON_CHANNEL = 'bench/python-bytes';
const RIVALS = ['Queue', 'Pipe', 'pyzmq'] as const;

function subjects(): readonly Subject[] {
  return TASKS.flatMap(({ task, batch }) => {
    const of = { task, unit: 'M/s', better: 'higher' } as const;
    const drained = batch > 1 ? 'drain_bytes()' : 'for message in subscriber';
    const sent = batch > 1 ? 'send_batch(), read by drain()' : 'send(), read by drain()';
    return [
      ...NODE.map(({ subject }) => ({ ...of, subject, note: `Node to Python: ${drained}` })),
      { ...of, subject: TO_NODE, note: sent },
      ...RIVALS.map((subject) => ({ ...of, subject, note: 'Python to Python' })),
    ];
  });
}

const targets: readonly Target[] = NODE.map(({ subject }) => ({
  suite: SUITE,
  task: TASKS[0].task,
  subject,
  text: `≥ ${BOUND} M/s`,
  bound: BOUND,
  better: 'higher',
}));

class MessagesRun {
  readonly #context: BenchContext;
  readonly #directory: string;
  readonly #findings: Findings;
  readonly #publishers = new Map<string, MessagePublisher<BytesFormat>>();
  readonly #programs: PythonProgram[] = [];

  constructor(context: BenchContext) {
    this.#context = context;
    this.#directory = join(context.directory, SUITE);
    this.#findings = new Findings(SUITE, subjects(), context);
  }

  async run(python: string): Promise<readonly Measurement[]> {
    const { rounds, quick, log } = this.#context;
    const durationMs = quick ? 100 : 600;
    mkdirSync(this.#directory, { mode: 0o700 });
    let subscriber: MessageSubscriber<BytesFormat> | undefined;
    try {
      const [reader, writer, rival] = await this.#start(python);
      subscriber = await openSubscriber(PYTHON_CHANNEL, {
        format: bytes(),
        directory: this.#directory,
      });
      for (let round = 1; round <= rounds; round++) {
        log(`${SUITE}: round ${round} of ${rounds}`);
        for (const task of TASKS) {
          for (const { subject, channel } of NODE) {
            const value = await this.#fromNode(reader, channel, task, durationMs);
            this.#findings.add(task.task, subject, value);
          }
          const value = await intoNode(writer, subscriber, task, durationMs);
          this.#findings.add(task.task, TO_NODE, value);
          for (const subject of RIVALS) await this.#rival(rival, subject, task, durationMs);
        }
      }
      await rival.ask('close');
    } finally {
      await subscriber?.close();
      await Promise.all(this.#programs.map((program) => program.stop()));
      for (const publisher of this.#publishers.values()) await publisher.close();
    }
    return this.#findings.measurements();
  }

  async #start(python: string): Promise<[PythonProgram, PythonProgram, PythonProgram]> {
    const directory = this.#directory;
    for (const name of ['message_reader.py', 'message_writer.py', 'message_rival.py']) {
      this.#programs.push(await PythonProgram.start(python, name, { directory }));
    }
    const [reader, writer, rival] = this.#programs as [PythonProgram, PythonProgram, PythonProgram];
    for (const { subject, channel } of NODE) {
      const layout = subject === 'sluice slots' ? ({ layout: 'slots', slots: SLOTS } as const) : {};
      const options = { format: bytes(), directory, patienceMs: Infinity, ...layout };
      this.#publishers.set(channel, await openPublisher(channel, options));
      await reader.ask('open', { directory, channel });
    }
    await writer.ask('open', { directory, channel: PYTHON_CHANNEL });
    return [reader, writer, rival];
  }

  async #fromNode(
    reader: PythonProgram,
    channel: string,
    { batch }: Task,
    durationMs: number,
  ): Promise<number> {
    const enough = new AbortController();
    const answered = reader
      .ask<number>('rate', { channel, batched: batch > 1, duration_ms: durationMs })
      .finally(() => enough.abort());
    // It is awaited below; a failure meanwhile must not count as unhandled.
    answered.catch(() => undefined);
    await flood(this.#publishers.get(channel)!, batch, enough.signal);
    return answered;
  }

  async #rival(
    rival: PythonProgram,
    subject: string,
    { task, batch }: Task,
    durationMs: number,
  ): Promise<void> {
    if (!this.#findings.isOpen(task, subject)) return;
    const of = { way: subject, message_bytes: MESSAGE_BYTES, batch, duration_ms: durationMs };
    try {
      this.#findings.add(task, subject, await rival.ask<number>('rate', of));
    } catch (error) {
      const tasks = TASKS.map((each) => each.task);
      this.#findings.fail(tasks, error, subject);
    }
  }
}

/** Sends until `signal` is aborted, as fast as there is room. */
async function flood(
  publisher: MessagePublisher<BytesFormat>,
  batch: number,
  signal: AbortSignal,
): Promise<void> {
  const messages = Array.from({ length: batch }, () => new Uint8Array(MESSAGE_BYTES));
  const [message] = messages as [Uint8Array];
  while (!signal.aborted) {
    for (let sent = 0; sent < ROUND; sent += batch) {
      const taken = batch === 1 ? publisher.trySend(message) : publisher.trySendBatch(messages);
      if (taken !== false && taken === messages.length) continue;
      if (taken === true) continue;
      // The reader that has enough stops reading: nothing but the signal ends the wait then.
      await publisher.waitForRoom({ signal }).catch(() => undefined);
      break;
    }
    await nextTurn();
  }
}

/** Millions of messages a second that arrive here, from the first of them on. */
async function intoNode(
  writer: PythonProgram,
  subscriber: MessageSubscriber<BytesFormat>,
  { batch }: Task,
  durationMs: number,
): Promise<number> {
  await writer.ask('start', {
    channel: PYTHON_CHANNEL,
    message_bytes: MESSAGE_BYTES,
    batch,
  });
  const visit = (): void => undefined;
  while (subscriber.drain(visit) === 0) await nextTurn();
  const startedMs = performance.now();
  let received = 0;
  while (performance.now() < startedMs + durationMs) {
    const count = subscriber.drain(visit);
    received += count;
    if (count === 0) await nextTurn();
  }
  const elapsedMs = performance.now() - startedMs;
  await writer.ask('stop');
  return received / 1000 / elapsedMs;
}

export const pythonMessages = pythonSuite({
  name: SUITE,
  description: 'small messages a second to and from the Python client, beside queues, pipes, pyzmq',
  targets,
  modules: ['json'],
  optional: ['zmq'],
  run: (context, python) => new MessagesRun(context).run(python),
});
