/** The reading side of the hand-over benchmark: by Sluice, by a unix socket, by the messages of child processes. */
import { connect, type Socket } from 'node:net';
import { type FrameSubscriber, openSubscriber, tensors, type TensorFormat } from '../../index.js';
import { answer, clockNs, givenTo } from './given.js';

export interface ReaderGiven {
  readonly directory: string;
  readonly socketPath: string;
}

/** What the reader is told to do. It answers `{ ready }`, for `process.send` `{ got }` a frame, and a `BurstResult`. */
export interface Burst {
  readonly by: 'event loop' | 'spinning' | 'socket' | 'process.send';
  readonly channel: string;
  readonly byteLength: number;
  readonly count: number;
}

export interface BurstResult {
  /** From before the call that publishes to the complete frame in hand. */
  readonly latenciesUs: readonly number[];
  /** By Sluice, as its statistics say; since the subscriber was opened. */
  readonly copiedBytes: number;
  readonly receivedFrames: number;
}

/** A frame of the `process.send` comparison. */
export interface SentFrame {
  readonly sentNs: number;
  readonly frame: Uint8Array;
}

const SILENCE_MS = 3000;
const SPIN_US = 50_000;

const { directory, socketPath } = givenTo<ReaderGiven>();
const subscribers = new Map<string, FrameSubscriber<TensorFormat>>();
const sent = { latenciesUs: [] as number[], wanted: 0 };
let socket: Socket | undefined;

process.on('message', (message: Burst | SentFrame) => {
  if ('sentNs' in message) return onSentFrame(message);
  const work = message.by === 'process.send' ? prepareForSend(message) : receiveBurst(message);
  work.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});

async function receiveBurst(burst: Burst): Promise<void> {
  if (burst.by === 'socket') return receiveBySocket(burst);
  const subscriber = await subscriberOf(burst.channel);
  // Frames of the burst before would count as late ones.
  for (let frame = subscriber.tryReceive(); frame !== undefined; frame = subscriber.tryReceive()) {
    frame.release();
  }
  await answer({ ready: true });
  const latenciesUs: number[] = [];
  for (let index = 0; index < burst.count; index++) {
    const frame =
      burst.by === 'spinning'
        ? subscriber.receiveSync({ timeoutMs: SILENCE_MS, spinUs: SPIN_US })
        : await subscriber.receive();
    if (frame === undefined) break;
    latenciesUs.push((clockNs() - frame.ptsNs) / 1000);
    frame.release();
  }
  const { bytesCopied, received } = subscriber.stats();
  await answer({ latenciesUs, copiedBytes: bytesCopied, receivedFrames: received });
}

async function subscriberOf(channel: string): Promise<FrameSubscriber<TensorFormat>> {
  const known = subscribers.get(channel);
  if (known !== undefined) return known;
  const subscriber = await openSubscriber(channel, { format: tensors(), directory, maxHeld: 1 });
  subscribers.set(channel, subscriber as FrameSubscriber<TensorFormat>);
  return subscriber as FrameSubscriber<TensorFormat>;
}

/** Each frame is put together in one buffer, as a receiver needs it; one byte back tells the sender to go on. */
async function receiveBySocket({ byteLength, count }: Burst): Promise<void> {
  socket ??= connect(socketPath);
  const stream = socket;
  const frame = Buffer.alloc(byteLength);
  const latenciesUs: number[] = [];
  let filled = 0;
  await new Promise<void>((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      chunk.copy(frame, filled);
      filled += chunk.byteLength;
      if (filled < byteLength) return;
      filled = 0;
      latenciesUs.push((clockNs() - frame.readDoubleLE(0)) / 1000);
      stream.write('+');
      if (latenciesUs.length < count) return;
      stream.off('data', onData).off('error', reject);
      resolve();
    };
    stream.on('data', onData);
    stream.once('error', reject);
    answer({ ready: true }).catch(reject);
  });
  await answer({ latenciesUs, copiedBytes: 0, receivedFrames: latenciesUs.length });
}

async function prepareForSend({ count }: Burst): Promise<void> {
  sent.latenciesUs = [];
  sent.wanted = count;
  await answer({ ready: true });
}

function onSentFrame({ sentNs }: SentFrame): void {
  const { latenciesUs, wanted } = sent;
  latenciesUs.push((clockNs() - sentNs) / 1000);
  void answer({ got: latenciesUs.length });
  if (latenciesUs.length < wanted) return;
  void answer({ latenciesUs, copiedBytes: 0, receivedFrames: latenciesUs.length });
}
