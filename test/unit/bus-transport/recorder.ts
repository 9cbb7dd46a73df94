/** What tests need of connections: handlers that record, pairs of connections, and frames to send. */
import type {
  ConnectionEnd,
  ConnectionHandlers,
  ReceivedFrames,
  Side,
} from '../../../src/bus/transport/connection.js';
import { Connection } from '../../../src/bus/transport/connection.js';
import { closeDescriptor } from '../../../src/ffi/index.js';
import type { Hello, Welcome } from '../../../src/layout/handshake.js';
import { socketPair } from '../ffi/descriptors.js';

/** Something that happens later, and all that happened so far. */
export class Events {
  readonly log: string[] = [];
  readonly #waiters = new Set<() => void>();

  add(event: string): void {
    this.log.push(event);
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves when `condition` holds; it is looked at after each event. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
  }
}

export class Recorder<S extends Side> extends Events implements ConnectionHandlers<S> {
  readonly frames: ReceivedFrames[S][] = [];
  readonly descriptors: number[] = [];
  readonly ends: ConnectionEnd[] = [];
  wakes = 0;

  onFrame(frame: ReceivedFrames[S], descriptors: number[]): void {
    this.frames.push(frame);
    this.descriptors.push(...descriptors);
    this.add(`frame ${frame.type}`);
  }

  onWake(): void {
    this.wakes += 1;
    this.add('wake');
  }

  onEnd(end: ConnectionEnd): void {
    this.ends.push(end);
    this.add(`end ${end.reason}`);
  }

  /** Closes the descriptors that came with frames. */
  release(): void {
    for (const descriptor of this.descriptors.splice(0)) closeDescriptor(descriptor);
  }

  get ended(): Promise<void> {
    return this.until(() => this.ends.length > 0);
  }
}

/** A connection of one side, and the plain descriptor of the other, which the test drives by hand. */
export function halfPair<S extends Side>(
  side: S,
): { connection: Connection<S>; recorder: Recorder<S>; raw: number } {
  const pair = socketPair();
  const recorder = new Recorder<S>();
  const [own, raw] = side === 'server' ? [pair.server, pair.client] : [pair.client, pair.server];
  return { connection: new Connection(own, { side, handlers: recorder }), recorder, raw };
}

/** Two connections that talk to each other. */
export function connectionPair(): {
  server: Connection<'server'>;
  client: Connection<'client'>;
  serverSaw: Recorder<'server'>;
  clientSaw: Recorder<'client'>;
} {
  const pair = socketPair();
  const serverSaw = new Recorder<'server'>();
  const clientSaw = new Recorder<'client'>();
  const server = new Connection(pair.server, { side: 'server', handlers: serverSaw });
  const client = new Connection(pair.client, { side: 'client', handlers: clientSaw });
  return { server, client, serverSaw, clientSaw };
}

export const HELLO: Hello = Object.freeze({
  protocol: 1,
  role: 'subscriber',
  delivery: 'latest',
  maxLag: 0,
  leases: 4,
  start: 'newest',
  label: 'test',
  bootId: 'boot',
  monotonicNs: 1,
});

export const WELCOME: Welcome = Object.freeze({
  manifest: Object.freeze({ epoch: 1 }),
  subscriber: 1,
  leases: 4,
  maxLag: 0,
  sequence: 0,
  controlBytes: 4096,
  clockOffsetNs: 0,
});
