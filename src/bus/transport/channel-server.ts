import { SluiceError } from '../../core/index.js';
import { closeDescriptor, peerCredentials, sendBytes, SystemCallError } from '../../ffi/index.js';
import {
  encodeErrorFrame,
  encodeFrame,
  FrameType,
  frameTypeName,
  type ClientFrame,
  type Hello,
  type JsonObject,
  type Stats,
  type Welcome,
} from '../../layout/handshake.js';
import { Connection, type ConnectionEnd, type PeerCredentials } from './connection.js';
import { listen, type Listener } from './listener.js';
import { Session, type ServerSession } from './server-session.js';

export type { ServerSession } from './server-session.js';

export interface ChannelServerOptions {
  /** For messages. */
  readonly channel: string;
  /** Of the socket. It must not exist. */
  readonly path: string;
  /** Permission bits of the socket. Default 0o600. */
  readonly mode?: number;
  accepts(credentials: PeerCredentials): boolean;
  /**
   * Answers a subscriber's HELLO. Until it returns the session has no place in `sessions`. A SluiceError it throws
   * goes to the client, and the connection is closed. The descriptors stay the caller's.
   */
  welcome(
    hello: Hello,
    session: ServerSession,
  ): { readonly body: Welcome; readonly descriptors: readonly number[] };
  /** The manifest that observers get. */
  manifest(): JsonObject;
  /** Asked at most 20 times a second, whatever the number of observers. */
  stats(): Stats;
  /** The subscriber took the descriptors of `session.acknowledgedEpoch`. */
  onAcknowledged?(session: ServerSession): void;
  onWake(session: ServerSession): void;
  /** Exactly once for each session that was welcomed. */
  onEnd(session: ServerSession, end: ConnectionEnd): void;
  /** Default 128, of which one uid gets three quarters. */
  readonly maxConnections?: number;
  /** From the accept to a complete HELLO. Default 2000. */
  readonly helloTimeoutMs?: number;
  /** A monotonic clock. */
  readonly nowMs?: () => number;
}

const DEFAULT_MODE = 0o600;
const DEFAULT_CONNECTIONS = 128;
const DEFAULT_HELLO_TIMEOUT_MS = 2000;
/** Connections of one uid that have not said HELLO. */
const MAX_SILENT = 16;
const STATS_INTERVAL_MS = 50;

/** One accepted connection and what is known of it. */
interface Client {
  readonly connection: Connection<'server'>;
  /** Absolute: bytes that trickle in do not move it. Undefined after HELLO. */
  deadline: NodeJS.Timeout | undefined;
  session: Session | undefined;
}

interface CachedStats {
  readonly timeMs: number;
  readonly stats: Stats;
  /** The answer to STATS, once somebody asked. */
  frame: Uint8Array | undefined;
}

/**
 * The publisher's side of a channel's socket: checks who connects, answers HELLO, keeps one session a subscriber and
 * serves statistics to observers. Nothing here waits for a client.
 */
export class ChannelServer {
  readonly #options: ChannelServerOptions;
  readonly #maxConnections: number;
  readonly #nowMs: () => number;
  readonly #listener: Listener;
  readonly #clients = new Set<Client>();
  readonly #sessions = new Set<ServerSession>();
  #nextId = 1;
  #stats: CachedStats | undefined;
  #referenced = true;
  #closed = false;

  /** Listens from now on. Throws `SystemCallError`, EADDRINUSE when the path exists. */
  constructor(options: ChannelServerOptions) {
    this.#options = options;
    this.#maxConnections = options.maxConnections ?? DEFAULT_CONNECTIONS;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    const mode = options.mode ?? DEFAULT_MODE;
    this.#listener = listen(options.path, { mode }, (fd) => this.#accept(fd));
  }

  /** The welcomed subscribers. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#sessions;
  }

  /** Whether the socket's path still leads here. */
  checkInode(): boolean {
    return this.#listener.checkInode();
  }

  ref(): void {
    this.#referenced = true;
    this.#listener.ref();
    for (const client of this.#clients) client.connection.ref();
  }

  /** Neither the listener nor its connections, present and future, keep the process alive. */
  unref(): void {
    this.#referenced = false;
    this.#listener.unref();
    for (const client of this.#clients) client.connection.unref();
  }

  /** Stops listening and ends every connection, with BYE for those that were welcomed. Idempotent. */
  close(reason = 'closed'): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    for (const client of [...this.#clients]) {
      client.session?.bye(reason);
      client.connection.close();
    }
  }

  #accept(fd: number): void {
    let client: Client | undefined;
    const problem = this.#admissionProblem(peerCredentials(fd));
    if (problem !== undefined) return turnAway(fd, problem);
    try {
      const connection = new Connection(fd, {
        side: 'server',
        handlers: {
          onFrame: (frame) => this.#onFrame(client!, frame),
          onWake: () => this.#onWake(client!),
          onEnd: (end) => this.#onEnd(client!, end),
        },
      });
      client = { connection, deadline: undefined, session: undefined };
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      const message = `${this.#options.channel} has no descriptor left to serve a connection`;
      return turnAway(fd, new SluiceError('TOO_MANY_FILES', message, { cause: error }));
    }
    this.#clients.add(client);
    if (!this.#referenced) client.connection.unref();
    const accepted = client;
    const timeoutMs = this.#options.helloTimeoutMs ?? DEFAULT_HELLO_TIMEOUT_MS;
    client.deadline = setTimeout(() => this.#onDeadline(accepted), timeoutMs).unref();
  }

  #admissionProblem(credentials: PeerCredentials): SluiceError | undefined {
    const { channel } = this.#options;
    const { uid, gid } = credentials;
    if (!this.#options.accepts(credentials)) {
      return new SluiceError(
        'ACCESS_DENIED',
        `${channel} refused user ${uid} (group ${gid}): its publisher runs as user ${process.geteuid?.()}`,
        {
          details: { uid, gid },
          remedy:
            `Open the publisher with allow: { uids: [${uid}] }, ` +
            `or run both sides as the same user.`,
        },
      );
    }
    const total = this.#clients.size;
    const max = this.#maxConnections;
    const ofUid = this.#count((client) => client.connection.credentials.uid === uid);
    const maxOfUid = Math.ceil((max * 3) / 4);
    if (total >= max || ofUid >= maxOfUid) {
      return new SluiceError(
        'TOO_MANY_SUBSCRIBERS',
        `${channel} has ${total} connections of at most ${max}, ${ofUid} of user ${uid} of at most ${maxOfUid}`,
        { details: { connections: total, maxConnections: max, ofUid, maxOfUid } },
      );
    }
    if (this.#silent(uid) < MAX_SILENT) return undefined;
    // Many clients at once are no attack: what they have said already counts before the next is turned away.
    for (const client of [...this.#clients]) {
      if (client.deadline !== undefined) client.connection.drain();
    }
    if (this.#silent(uid) < MAX_SILENT) return undefined;
    return new SluiceError(
      'TOO_MANY_SUBSCRIBERS',
      `${channel} waits for the HELLO of ${MAX_SILENT} connections of user ${uid}`,
      { details: { busy: true, silent: MAX_SILENT } },
    );
  }

  #silent(uid: number): number {
    return this.#count(
      (client) => client.deadline !== undefined && client.connection.credentials.uid === uid,
    );
  }

  #count(matches: (client: Client) => boolean): number {
    let count = 0;
    for (const client of this.#clients) if (matches(client)) count += 1;
    return count;
  }

  #onDeadline(client: Client): void {
    // After a stall of this process timers run before what had arrived meanwhile is read.
    client.connection.drain();
    if (client.deadline === undefined) return;
    client.connection.refuse(
      new SluiceError('PROTOCOL', `${this.#options.channel} got no complete HELLO in time`),
      'timeout',
    );
  }

  #onFrame(client: Client, frame: ClientFrame): void {
    try {
      this.#answer(client, frame);
    } catch (error) {
      const known = error instanceof SluiceError;
      const shown = known
        ? error
        : new SluiceError('SYSTEM', 'the publisher failed', { cause: error });
      client.connection.refuse(shown, shown.code === 'PROTOCOL' ? 'protocol' : 'failed');
      if (!known) throw error;
    }
  }

  #answer(client: Client, frame: ClientFrame): void {
    const greeted = client.deadline === undefined;
    if (greeted === (frame.type === FrameType.HELLO) && frame.type !== FrameType.BYE) {
      const order = greeted ? 'twice' : 'before HELLO';
      throw new SluiceError('PROTOCOL', `${frameTypeName(frame.type)} came ${order}`);
    }
    switch (frame.type) {
      case FrameType.HELLO:
        return this.#greet(client, frame.body);
      case FrameType.STATS:
        return client.connection.sendEncoded(this.#statsFrame());
      case FrameType.ACK:
        if (client.session === undefined) {
          throw new SluiceError('PROTOCOL', 'ACK came from an observer');
        }
        client.session.acknowledge(frame.body.epoch);
        this.#options.onAcknowledged?.(client.session);
        return;
      case FrameType.BYE:
        return client.connection.close({ reason: 'ended' });
    }
  }

  #greet(client: Client, hello: Hello): void {
    clearTimeout(client.deadline);
    client.deadline = undefined;
    if (hello.role === 'observer') {
      const manifest = this.#options.manifest();
      const { stats } = this.#currentStats();
      client.connection.sendEncoded(
        encodeStats(FrameType.WELCOME, stats, (fitting) => ({ manifest, stats: fitting })),
      );
      return;
    }
    const session = new Session(this.#nextId, hello, client.connection);
    this.#nextId += 1;
    const { body, descriptors } = this.#options.welcome(hello, session);
    client.session = session;
    this.#sessions.add(session);
    session.sendWelcome(body, descriptors);
  }

  /** Statistics at most 50 ms old. */
  #currentStats(): CachedStats {
    const nowMs = this.#nowMs();
    if (this.#stats === undefined || nowMs - this.#stats.timeMs >= STATS_INTERVAL_MS) {
      this.#stats = { timeMs: nowMs, stats: this.#options.stats(), frame: undefined };
    }
    return this.#stats;
  }

  #statsFrame(): Uint8Array {
    const current = this.#currentStats();
    current.frame ??= encodeStats(FrameType.STATS, current.stats, (stats) => stats);
    return current.frame;
  }

  #onWake(client: Client): void {
    if (client.session !== undefined) this.#options.onWake(client.session);
  }

  #onEnd(client: Client, end: ConnectionEnd): void {
    clearTimeout(client.deadline);
    client.deadline = undefined;
    this.#clients.delete(client);
    const { session } = client;
    if (session === undefined) return;
    session.dropPending();
    if (this.#sessions.delete(session)) this.#options.onEnd(session, end);
  }
}

/** Says why and closes, for a connection that never became one. */
function turnAway(fd: number, error: SluiceError): void {
  const frame = encodeErrorFrame(error);
  try {
    sendBytes(fd, frame, 0, frame.length);
  } catch (failure) {
    if (!(failure instanceof SystemCallError)) throw failure;
  }
  closeDescriptor(fd);
}

/** A frame with statistics; subscribers are left out, and counted, until it fits. */
function encodeStats(type: FrameType, stats: Stats, bodyOf: (stats: Stats) => unknown): Uint8Array {
  const all = stats.subscribers;
  for (let kept = all.length; ; kept = Math.floor(kept / 2)) {
    const subscribers = all.slice(0, kept);
    const omitted = all.length - kept;
    try {
      return encodeFrame(type, bodyOf(omitted === 0 ? stats : { ...stats, subscribers, omitted }));
    } catch (error) {
      if (!(error instanceof RangeError) || kept === 0) throw error;
    }
  }
}
