/** One side of a CUDA channel between two processes: a publisher that never completes its frame, or its subscriber. */
import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
import { loadKernel, Stream } from '../../../src/cuda.js';
import { findDevice, registerHostMemory, streamSynchronize } from '../../../src/gpu/index.js';
import { streamHandle } from '../../../src/gpu/index.js';
import {
  type FrameFlags,
  openPublisher,
  openSubscriber,
  tensor,
  type FrameSubscriber,
  type Frame,
} from '../../../src/index.js';
import { NUMBERS, type Numbers, until } from './bench.js';

const [role = '', directory = '', way = '', guard = ''] = process.argv.slice(2);

const integrity = readFileSync(
  new URL('../../../../kernels/integrity.ptx', import.meta.url),
  'utf8',
);

/** In one piece, also when the thread blocks right after it. */
function say(what: object): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

/** A thread that never does anything. */
class NoWorker extends EventEmitter {
  unref(): void {}
  postMessage(): void {}
}

async function publish(): Promise<void> {
  const stream = await Stream.create();
  const publisher = await openPublisher('frames', {
    directory,
    format: NUMBERS,
    memory: 'cuda',
    stream,
    slots: 32,
  });
  say({ published: 'channel' });
  if (way === 'idle') return;
  await until(() => publisher.stats().subscribers > 0);
  const delay = loadKernel(integrity, 'delay');
  delay.launch({ grid: 1, block: 1, stream, args: [{ u64: 3_600_000_000 }] });
  for (let frame = 0; frame < 3; frame++) publisher.tryLoan()!.publish();
  say({ published: 'frames' });
}

const BLOCKING: Readonly<Record<string, (stream: Stream) => void>> = {
  unregister: () => {
    const device = findDevice(undefined, 'test');
    registerHostMemory(new Uint8Array(4096), { device, attempt: 'test' }).close();
  },
  load: () => loadKernel(integrity, 'stamp').close(),
  synchronize: (stream) => streamSynchronize(streamHandle(stream)),
};

interface Computed {
  readonly frame: Frame<Numbers>;
  readonly output: Frame<Numbers>;
  close(): Promise<void>;
}

async function subscribe(stream: Stream): Promise<FrameSubscriber<Numbers>> {
  return openSubscriber('frames', {
    directory,
    format: tensor('u32', [16]),
    stream,
    delivery: 'every',
    maxHeld: 4,
    whenLost: 'end',
  });
}

/** An output that is computed from a pending frame, and is pending with it. */
async function compute(stream: Stream): Promise<Computed> {
  const subscriber = await subscribe(stream);
  const results = await openPublisher('results', {
    directory,
    format: NUMBERS,
    memory: 'cuda',
    stream,
  });
  const reader = await openSubscriber('results', { directory, format: NUMBERS });
  const frame = await subscriber.receive();
  results.tryLoan()!.publish({ source: frame });
  const output = await reader.receive();
  return {
    frame,
    output,
    close: async () => {
      await subscriber.close();
      await reader.close();
      await results.close();
    },
  };
}

function seen({ frame, output }: Computed): [string, string, FrameFlags] {
  return [frame.state, output.state, { ...output.flags }];
}

async function block(): Promise<void> {
  const stream = await Stream.create();
  const computed = await compute(stream);
  say({ before: seen(computed) });
  BLOCKING[way]!(stream);
  // Before this thread has heard of anything.
  say({ after: seen(computed) });
  await stream.synchronize();
  await computed.close();
  await stream.close();
  say({ closed: true });
}

/** As a program that computes for a while: the guard comes first, though nothing blocks. */
async function compete(): Promise<void> {
  const stream = await Stream.create();
  const computed = await compute(stream);
  say({ before: seen(computed) });
  const endMs = performance.now() + 1000;
  // Until the stream went on: by then the output is flagged.
  while (performance.now() < endMs && seen(computed)[1] === 'pending');
  say({ after: seen(computed) });
  // A stream that is told to wait now does not wait for ever.
  const late = await Stream.create();
  computed.frame.waitOn(late);
  streamSynchronize(streamHandle(late));
  await computed.close();
  await late.close();
  await stream.close();
  say({ closed: true });
}

/** Closes with its frames pending, and blocks at once: `close()` must still hear of the end. */
async function close(): Promise<void> {
  const stream = await Stream.create();
  const subscriber = await subscribe(stream);
  (await subscriber.receive()).release();
  const closing = subscriber.close();
  say({ before: 'closing' });
  BLOCKING['synchronize']!(stream);
  await closing;
  await stream.close();
  say({ closed: true });
}

/** Ends with the guard at work: by itself, by exit() or by an error. */
async function exit(): Promise<void> {
  const stream = await Stream.create();
  const subscriber = await subscribe(stream);
  // Long enough for the guard to have started.
  await new Promise((resolve) => setTimeout(resolve, 300));
  process.once('exit', () => say({ exiting: Date.now() }));
  if (way === 'exit') process.exit(3);
  if (way === 'throw') throw new Error('mine');
  subscriber.link.session!.connection.unref();
}

function held(): { descriptors: number; threads: number } {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

/** Opens and closes again and again. */
async function cycles(): Promise<void> {
  const stream = await Stream.create();
  const round = async (): Promise<void> => (await subscribe(stream)).close();
  const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1500));
  for (let warmUp = 0; warmUp < 5; warmUp++) await round();
  await rest();
  const before = held();
  const startMs = performance.now();
  for (let count = 0; count < 200; count++) await round();
  const ms = performance.now() - startMs;
  const during = held();
  await rest();
  say({ before, during, after: held(), ms });
}

if (guard === 'no guard') {
  Object.assign(threads, { Worker: NoWorker });
  syncBuiltinESMExports();
}
const roles: Readonly<Record<string, () => Promise<void>>> = {
  publish,
  block,
  compete,
  close,
  exit,
  cycles,
};
await roles[role]!();
