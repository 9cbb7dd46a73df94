/** The end of the round trips of `gpu-fences` that sends back what comes. */
import { Stream, streamHandle, streamSynchronize } from '../../gpu/index.js';
import type { FrameFormat, FrameSubscriber } from '../../index.js';
import { HostWords } from './gpu-tools.js';
import { nextTurn, serveGpu, spinFor } from './serve.js';
import {
  CHANNELS,
  type Link,
  openCopyLink,
  openFenceLinks,
  sendCopy,
  socketPathOf,
  type TripGiven,
} from './trip-face.js';
import { ByteSocket } from './trip-socket.js';

/** What to send back until `stop`. */
export interface EchoTask {
  readonly way: 'fences' | 'frames' | 'socket' | 'copies';
}

/** How long it looks before the event loop has its turn. */
const SPIN_MS = 1;
const COMPLETE = 1;
const END = 0;

class Pong {
  #wanted = false;
  #completed = 0;
  #echoing: Promise<void> = Promise.resolve();

  constructor(
    private readonly stream: Stream,
    private readonly links: readonly Link[],
    private readonly copyLink: Link,
    private readonly socket: ByteSocket,
    private readonly words: HostWords,
  ) {}

  /** Answers before it begins: the other end is not to wait for it. */
  start({ way }: EchoTask): void {
    this.#wanted = true;
    const links = this.links.slice(0, way === 'fences' ? CHANNELS : 1);
    if (way === 'copies') this.#echoing = this.#echo([this.copyLink], this.#sendCopyBack);
    else if (way === 'socket') setImmediate(() => this.#echoBytes());
    else this.#echoing = this.#echo(links, this.#sendBack);
    // What fails shows in stop().
    this.#echoing.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#echoing;
    await this.stream.synchronize();
  }

  async #echo(links: readonly Link[], send: (link: Link, frame: FrameOf) => void): Promise<void> {
    while (this.#wanted) {
      const turnMs = performance.now() + SPIN_MS;
      do {
        for (const link of links) {
          const frame = link.in.tryReceive();
          if (frame === undefined) continue;
          send(link, frame);
          frame.release();
        }
      } while (performance.now() < turnMs);
      await nextTurn();
    }
  }

  /** The frame that came is not looked at: the stream waits for it before what it publishes is complete. */
  readonly #sendBack = ({ out }: Link): void => {
    spinFor('free slot', () => out.tryLoan()).publish();
  };

  readonly #sendCopyBack = ({ out }: Link, frame: FrameOf): void => {
    spinFor('free slot', () => sendCopy(out, this.stream, frame.pointer) || undefined);
  };

  /** Blocks the thread until the other end says that it is over. */
  #echoBytes(): void {
    while (this.socket.receive() !== END) {
      this.words.write(this.stream, COMPLETE, ++this.#completed);
      streamSynchronize(streamHandle(this.stream));
      this.socket.send(1);
    }
  }
}

type FrameOf = NonNullable<ReturnType<FrameSubscriber<FrameFormat>['tryReceive']>>;

await serveGpu<TripGiven>(async (given) => {
  const stream = await Stream.create({ device: given.device });
  const [links, copyLink, socket] = await Promise.all([
    openFenceLinks(given, stream),
    openCopyLink(given, stream),
    ByteSocket.connect(socketPathOf(given)),
  ]);
  const pong = new Pong(stream, links, copyLink, socket, new HostWords(given.device));
  return { start: (task: EchoTask) => pong.start(task), stop: () => pong.stop() };
});
