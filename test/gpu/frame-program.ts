/**
 * A publisher or a subscriber of stamped frames in a process of its own. It does what it is told over its standard
 * input, a line each, and answers each with a line; `failed CODE [message, remedy]` when it cannot.
 */
import { createInterface } from 'node:readline';
import { Stream } from '../../src/gpu/index.js';
import {
  type Frame,
  type FramePublisher,
  type FrameSubscriber,
  isSluiceError,
  openPublisher,
  openSubscriber,
  tensor,
} from '../../src/index.js';
import { given, tell } from '../process/program.js';
import { Checker, delay, stamp, STAMPED, type Stamped, store32, wrongWords } from './integrity.js';

interface Given {
  readonly role: 'publisher' | 'subscriber';
  readonly channel: string;
  readonly directory: string;
  readonly options: object;
  /** The GPU of its stream; null: no stream, this process has no GPU or needs none. */
  readonly device?: number | string | null;
  /** Subscribers: read all the time, else on demand. */
  readonly reads?: boolean;
}

const { role, channel, directory, options, device = 0, reads = false } = given<Given>();

async function publish(
  publisher: FramePublisher<Stamped>,
  stream: Stream,
  value: number,
  delayMs: number,
): Promise<void> {
  const loan = await publisher.loan();
  if (delayMs > 0) delay(stream, delayMs);
  stamp(stream, loan.pointer, value);
  loan.publish({ ptsNs: value, stream });
}

async function publishForever(
  publisher: FramePublisher<Stamped>,
  stream: Stream,
  first: number,
  longestMs: number,
): Promise<never> {
  for (let value = first; ; value++) {
    await publish(publisher, stream, value, Math.random() * longestMs);
    if (value % 4 === 0) await stream.synchronize();
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

/** `publish COUNT [DELAY_MS]`: each behind a delay · `forever DELAY_MS`: delays up to it · `format WORDS` · `break MS` · `end`: why it did · `close` */
async function runPublisher(): Promise<void> {
  const stream = await Stream.create({ device: device ?? 0 });
  const checker = new Checker(stream);
  const publisher = await openPublisher(channel, {
    format: STAMPED,
    directory,
    memory: 'cuda',
    slots: 16,
    ...options,
  });
  tell('open');
  let value = 0;
  const answer = async (line: string): Promise<string | undefined> => {
    const [verb, count = '1', ms = '0'] = line.split(' ');
    switch (verb) {
      case 'publish':
        for (let i = 0; i < Number(count); i++) {
          await publish(publisher, stream, ++value, Number(ms));
        }
        return `sent ${value}`;
      case 'forever':
        void publishForever(publisher, stream, value + 1, Number(count));
        return 'going';
      case 'break':
        // Behind a delay a store into nowhere: what is enqueued after it never runs.
        delay(stream, Number(count));
        store32(stream, 4096n, 1);
        return 'broken';
      case 'end': {
        const { reason, error } = await publisher.closed;
        return `${reason} ${error?.code}`;
      }
      case 'format':
        await publisher.setFormat(tensor('u32', [Number(count)]));
        return 'changed';
      default:
        await publisher.close();
        await stream.close();
        checker.close();
        return 'closed';
    }
  };
  obey(answer);
}

/** What a subscriber found out about the frames that it read. */
class Reader {
  readonly checker: Checker | undefined;
  received = 0;
  wrongOnHost = 0;
  last = 0;
  outOfOrder = 0;

  constructor(stream: Stream | undefined) {
    this.checker = stream === undefined ? undefined : new Checker(stream);
  }

  look(frame: Frame<Stamped>): void {
    if (frame.memory === 'host') this.wrongOnHost += wrongWords(frame.bytes, frame.ptsNs);
    else this.checker?.check(frame);
    this.received += 1;
    if (frame.ptsNs <= this.last) this.outOfOrder += 1;
    this.last = frame.ptsNs;
  }

  async found(): Promise<object> {
    await this.checker?.stream.synchronize();
    const { received, last, outOfOrder } = this;
    return { received, last, outOfOrder, wrong: this.wrongOnHost + (this.checker?.wrong ?? 0) };
  }
}

/** `found` · `take`: one frame · `busy MS`: lets go of one behind such work · `hold` · `store`: breaks it · `close` */
async function runSubscriber(): Promise<void> {
  const stream = device === null ? undefined : await Stream.create({ device });
  const reader = new Reader(stream);
  const subscriber = await openSubscriber(channel, {
    format: STAMPED,
    directory,
    ...(stream === undefined ? {} : { stream }),
    ...options,
  });
  tell('open');
  let held: Frame<Stamped> | undefined;
  const onDemand = async (line: string): Promise<string | undefined> => {
    const [verb, ms = '0'] = line.split(' ');
    switch (verb) {
      case 'found':
        return JSON.stringify({ ...(await reader.found()), lost: subscriber.stats().lost });
      case 'take': {
        const frame = await subscriber.receive();
        await frame.ready();
        reader.look(frame);
        const { memory, sequence } = frame;
        frame.release();
        return JSON.stringify({ memory, sequence, ...(await reader.found()) });
      }
      case 'busy': {
        // Leases are given back behind work that goes on.
        const frame = await subscriber.receive();
        delay(stream!, Number(ms));
        reader.look(frame);
        frame.release();
        return 'busy';
      }
      case 'hold':
        held = await subscriber.receive();
        return `held ${held.sequence}`;
      case 'store':
        return storeInto(subscriber, stream!);
      default:
        await subscriber.close();
        await stream?.close();
        reader.checker?.close();
        return 'closed';
    }
  };
  obey(onDemand);
  if (reads) await readAll(subscriber, reader);
}

async function readAll(subscriber: FrameSubscriber<Stamped>, reader: Reader): Promise<void> {
  for await (const frame of subscriber) reader.look(frame);
}

/** A kernel of this process writes into a received frame. */
async function storeInto(subscriber: FrameSubscriber<Stamped>, stream: Stream): Promise<string> {
  const frame = await subscriber.receive();
  await frame.ready();
  store32(stream, frame.pointer, 1);
  const fault = await stream.synchronize().then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  if (!frame.released) frame.release();
  const next = await subscriber.receive().then(
    () => 'a frame',
    (error: unknown) => (isSluiceError(error) ? error.code : String(error)),
  );
  const { reason, error } = await subscriber.closed;
  return JSON.stringify({
    fault: fault?.message,
    code: isSluiceError(fault) ? fault.code : undefined,
    next,
    reason,
    error: error?.message,
    errorCode: error?.code,
  });
}

function obey(answer: (line: string) => Promise<string | undefined>): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    void answer(line)
      .catch(failed)
      .then((text) => text !== undefined && tell(text));
  });
  process.stdin.on('end', () => process.exit());
}

function failed(error: unknown): string {
  if (!isSluiceError(error)) return `failed ${error instanceof Error ? error.stack : error}`;
  return `failed ${error.code} ${JSON.stringify([error.message, error.remedy])}`;
}

await (role === 'publisher' ? runPublisher() : runSubscriber()).catch((error: unknown) => {
  tell(failed(error));
  process.exitCode = 1;
  process.stdin.destroy();
});
