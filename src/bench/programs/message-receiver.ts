/** The receiving end of one subject of the `messages` suite: a process, or a worker for `worker postMessage`. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { openSubscriber } from '../../bus/index.js';
import { bytes } from '../../format/index.js';
import { openDisruptor } from './disruptor.js';
import { MESSAGE_BYTES, type MessageGiven, Tally } from './message-wire.js';
import { SLUICE_CHANNEL } from './sluice-link.js';
import { endWithParent, given, nowNs, SPIN_MS } from './subject-face.js';

/** The worker tells how many messages it took, so often: `postMessage` has no back-pressure. */
const ACKNOWLEDGE_EVERY = 1024;

/** Messages in one look at Sluice's ring: the cursor moves after each, so that the writer gets room early. */
const BITE = 256;

const options = parentPort === null ? given<MessageGiven>() : (workerData as MessageGiven);
const tally = new Tally();

function tell(answer: object): void {
  if (parentPort === null) process.send?.(answer);
  else parentPort.postMessage(answer);
}

function tellEnd(): void {
  if (tally.ended) tell(tally.take(nowNs()));
}

/** Messages that stand one behind the other. */
function addAll(pieces: Uint8Array): void {
  for (let at = 0; at < pieces.length; at += MESSAGE_BYTES) tally.add(pieces, at);
}

async function receiveSluice(): Promise<void> {
  const subscriber = await openSubscriber(SLUICE_CHANNEL, {
    format: bytes(),
    directory: options.directory,
    whenLost: 'end',
  });
  const visit = (view: Uint8Array, offset: number): void => tally.add(view, offset);
  tell({ ready: true });
  let idleSinceMs = -1;
  for (;;) {
    if (subscriber.drain(visit, BITE) > 0) {
      idleSinceMs = -1;
      tellEnd();
      continue;
    }
    const nowMs = performance.now();
    if (idleSinceMs < 0) idleSinceMs = nowMs;
    if (nowMs - idleSinceMs > SPIN_MS) {
      await subscriber.waitForMessages();
      idleSinceMs = -1;
    }
  }
}

function receiveIpc(): void {
  const add = (text: string): void => {
    tally.received += 1;
    tally.sum += text.charCodeAt(0);
  };
  process.on('message', (message: string | string[]) => {
    if (typeof message === 'string') add(message);
    else message.forEach(add);
    tellEnd();
  });
  tell({ ready: true });
}

function receiveInWorker(): void {
  let taken = 0;
  parentPort?.on('message', (message: Uint8Array) => {
    addAll(message);
    taken += message.length / MESSAGE_BYTES;
    if (taken >= ACKNOWLEDGE_EVERY || tally.ended) {
      tell({ taken });
      taken = 0;
    }
    tellEnd();
  });
  tell({ ready: true });
}

function receiveSocket(): void {
  let phase = 0;
  createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      // Messages may be cut anywhere: the first byte of each counts.
      let at = (MESSAGE_BYTES - phase) % MESSAGE_BYTES;
      for (; at < chunk.length; at += MESSAGE_BYTES) tally.add(chunk, at);
      phase = (phase + chunk.length) % MESSAGE_BYTES;
      tellEnd();
    });
  }).listen(join(options.directory, 'messages.sock'), () => tell({ ready: true }));
}

async function receiveZeromq(): Promise<void> {
  const { Pull } = await import('zeromq');
  const pull = new Pull();
  pull.connect(`ipc://${join(options.directory, 'messages.zmq')}`);
  tell({ ready: true });
  for await (const parts of pull) {
    for (const part of parts) tally.add(part, 0);
    tellEnd();
  }
}

async function receiveDisruptor(): Promise<void> {
  const slots = await openDisruptor(options, 'consumer');
  if (typeof slots === 'string') throw new Error(`shared-memory-disruptor: ${slots}`);
  tell({ ready: true });
  let idleSinceMs = -1;
  for (;;) {
    const pieces = slots.consumeNewSync();
    for (const piece of pieces) addAll(piece);
    if (pieces.length > 0) {
      slots.consumeCommit();
      idleSinceMs = -1;
      tellEnd();
      continue;
    }
    const nowMs = performance.now();
    if (idleSinceMs < 0) idleSinceMs = nowMs;
    if (nowMs - idleSinceMs > SPIN_MS) await new Promise((resolve) => setImmediate(resolve));
  }
}

const RECEIVERS = {
  'sluice slots': receiveSluice,
  'sluice bytes': receiveSluice,
  'process.send': receiveIpc,
  'worker postMessage': receiveInWorker,
  'unix socket': receiveSocket,
  zeromq: receiveZeromq,
  'shared-memory-disruptor': receiveDisruptor,
} as const;

if (parentPort === null) endWithParent();
await RECEIVERS[options.subject]();
