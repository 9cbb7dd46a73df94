/** How each subject of the `messages` suite sends. Sluice is in `sluice-link.ts`. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { openDisruptor, type ProducerSlots } from './disruptor.js';
import {
  DATA_MARK,
  END_MARK,
  LARGEST_BATCH,
  makeMessages,
  MESSAGE_BYTES,
  type MessageGiven,
  type PhaseReport,
} from './message-wire.js';
import { openSluiceLink } from './sluice-link.js';
import { forkOtherEnd, SPIN_MS } from './subject-face.js';

export interface MessageLink {
  /** Sends in batches until `untilMs` of `performance.now()`; resolves to the number of messages. */
  send(batch: number, untilMs: number): Promise<number>;
  /** Sends the end mark, one message. */
  end(): Promise<void>;
  onReport: (report: PhaseReport) => void;
}

/** The sender's end with a receiver that is ready, or why the subject cannot run here. */
export async function openLink(given: MessageGiven): Promise<MessageLink | string> {
  switch (given.subject) {
    case 'sluice slots':
    case 'sluice bytes':
      return openSluiceLink(given);
    case 'process.send':
      return new IpcLink(await forkOtherEnd('message-receiver.js', given));
    case 'worker postMessage':
      return openWorkerLink(given);
    case 'unix socket':
      return openSocketLink(given);
    case 'zeromq':
      return openZeromqLink(given);
    case 'shared-memory-disruptor':
      return openDisruptorLink(given);
  }
}

const MESSAGES = makeMessages(LARGEST_BATCH, DATA_MARK);
const [END] = makeMessages(1, END_MARK) as [Uint8Array];

function joined(batch: number): Uint8Array {
  return Buffer.concat(MESSAGES.slice(0, batch));
}

/** What most links are: one operation a batch, and when to wait. */
abstract class BatchLink<B> implements MessageLink {
  onReport: (report: PhaseReport) => void = () => undefined;
  protected abstract pack(messages: readonly Uint8Array[]): B;
  /** A promise where the sender has to wait. */
  protected abstract write(packed: B): Promise<unknown> | undefined;

  async send(batch: number, untilMs: number): Promise<number> {
    const packed = this.pack(MESSAGES.slice(0, batch));
    let sent = 0;
    while (performance.now() < untilMs) {
      for (let i = 0; i < 16; i++) {
        const wait = this.write(packed);
        if (wait !== undefined) await wait;
      }
      sent += 16 * batch;
    }
    return sent;
  }

  async end(): Promise<void> {
    await this.write(this.pack([END]));
  }
}

/** Text, because JSON carries it best: 240 characters a message, a batch is an array of them. */
class IpcLink extends BatchLink<string | string[]> {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.on('message', (report) => this.onReport(report as PhaseReport));
  }

  protected pack(messages: readonly Uint8Array[]): string | string[] {
    const texts = messages.map((message) =>
      String.fromCharCode(message[0] as number).padEnd(MESSAGE_BYTES, 'x'),
    );
    return texts.length === 1 ? (texts[0] as string) : texts;
  }

  protected write(packed: string | string[]): Promise<unknown> | undefined {
    let written: (() => void) | undefined;
    const flows = this.#child.send(packed, () => written?.());
    return flows ? undefined : new Promise<void>((resolve) => (written = resolve));
  }
}

/** Messages on their way to a worker that has not taken them: its acknowledgements make the window. */
const WORKER_WINDOW = 8192;

class WorkerLink extends BatchLink<Uint8Array> {
  readonly #worker: Worker;
  #onTheWay = 0;
  #room: (() => void) | undefined;

  constructor(worker: Worker) {
    super();
    this.#worker = worker;
    worker.on('message', (answer: { taken: number } | PhaseReport) => {
      if ('received' in answer) return this.onReport(answer);
      this.#onTheWay -= answer.taken;
      this.#room?.();
    });
  }

  protected pack(messages: readonly Uint8Array[]): Uint8Array {
    const packed = new Uint8Array(messages.length * MESSAGE_BYTES);
    messages.forEach((message, index) => packed.set(message, index * MESSAGE_BYTES));
    return packed;
  }

  protected write(packed: Uint8Array): Promise<unknown> | undefined {
    this.#worker.postMessage(packed);
    this.#onTheWay += packed.length / MESSAGE_BYTES;
    if (this.#onTheWay < WORKER_WINDOW) return undefined;
    return new Promise<void>((resolve) => (this.#room = resolve));
  }
}

async function openWorkerLink(given: MessageGiven): Promise<MessageLink> {
  const worker = new Worker(new URL('message-receiver.js', import.meta.url), { workerData: given });
  await once(worker, 'message');
  return new WorkerLink(worker);
}

/** The receiver's reports come over the IPC channel of its process. */
function reportsOf(link: MessageLink, child: ChildProcess): MessageLink {
  child.on('message', (report) => link.onReport(report as PhaseReport));
  return link;
}

async function openSocketLink(given: MessageGiven): Promise<MessageLink> {
  const child = await forkOtherEnd('message-receiver.js', given);
  const socket = connect(join(given.directory, 'messages.sock'));
  await once(socket, 'connect');
  class SocketLink extends BatchLink<Uint8Array> {
    protected pack(messages: readonly Uint8Array[]): Uint8Array {
      return Buffer.concat(messages);
    }

    protected write(packed: Uint8Array): Promise<unknown> | undefined {
      return socket.write(packed) ? undefined : once(socket, 'drain');
    }
  }
  return reportsOf(new SocketLink(), child);
}

async function openZeromqLink(given: MessageGiven): Promise<MessageLink | string> {
  const zeromq = await import('zeromq').catch(() => undefined);
  if (zeromq === undefined) return 'not installed';
  const push = new zeromq.Push();
  await push.bind(`ipc://${join(given.directory, 'messages.zmq')}`);
  const child = await forkOtherEnd('message-receiver.js', given);
  class ZeromqLink extends BatchLink<Uint8Array[]> {
    protected pack(messages: readonly Uint8Array[]): Uint8Array[] {
      return [...messages];
    }

    /** A batch is one message of many parts. One operation at a time: that is the library's rule. */
    protected write(packed: Uint8Array[]): Promise<unknown> {
      return push.send(packed);
    }
  }
  return reportsOf(new ZeromqLink(), child);
}

async function openDisruptorLink(given: MessageGiven): Promise<MessageLink | string> {
  const slots = await openDisruptor(given, 'producer');
  if (typeof slots === 'string') return slots;
  const child = await forkOtherEnd('message-receiver.js', given);
  return reportsOf(new DisruptorLink(slots), child);
}

/** Claims places for a whole batch; a claim at the end of the ring comes in two pieces. */
class DisruptorLink implements MessageLink {
  onReport: (report: PhaseReport) => void = () => undefined;
  readonly #slots: ProducerSlots;

  constructor(slots: ProducerSlots) {
    this.#slots = slots;
  }

  async send(batch: number, untilMs: number): Promise<number> {
    const source = joined(batch);
    let sent = 0;
    while (performance.now() < untilMs) {
      for (let i = 0; i < 16; i++) {
        if (!this.#tryWrite(source)) await this.#writeLater(source);
      }
      sent += 16 * batch;
    }
    return sent;
  }

  async end(): Promise<void> {
    if (!this.#tryWrite(END)) await this.#writeLater(END);
  }

  #tryWrite(source: Uint8Array): boolean {
    if (source.length === MESSAGE_BYTES) {
      const piece = this.#slots.produceClaimSync();
      if (piece.length === 0) return false;
      piece.set(source);
    } else {
      const pieces = this.#slots.produceClaimManySync(source.length / MESSAGE_BYTES);
      if (pieces.length === 0) return false;
      let from = 0;
      for (const piece of pieces) {
        piece.set(pieces.length === 1 ? source : source.subarray(from, from + piece.length));
        from += piece.length;
      }
    }
    this.#slots.produceCommitSync();
    return true;
  }

  async #writeLater(source: Uint8Array): Promise<void> {
    const untilMs = performance.now() + SPIN_MS;
    while (!this.#tryWrite(source)) {
      if (performance.now() > untilMs) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
