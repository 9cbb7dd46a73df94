/**
 * One channel as its publisher owns it: the lock, the socket, the manifest, and a reader page for each subscriber.
 * What is published, a pool of frames or a ring of messages, is a `PublishedStream`; this file knows neither.
 */
import { randomBytes } from 'node:crypto';
import { lchownSync } from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import { monotonicNs, setNotDumpable, SystemCallError } from '../../ffi/index.js';
import type { Epoch, Hello, Stats } from '../../layout/handshake.js';
import { pageViews, type PageViews } from '../../layout/index.js';
import { createReaderPage, type Region } from '../../memory/index.js';
import type { RosterEntry } from '../../ring/index.js';
import { mayConnect } from '../transport/access.js';
import type { ChannelLock } from '../directory/channel-lock.js';
import { ChannelServer, type ServerSession } from '../transport/channel-server.js';
import { clearRemains } from '../directory/debris.js';
import type { CloseReason, Status } from '../endpoint.js';
import { EventFeed } from '../event-feed.js';
import { atExit } from '../exit-cleanup.js';
import { fileFailure } from '../directory/file-failure.js';
import type { JsonObject } from '../directory/foreign-json.js';
import {
  encodeManifest,
  removeManifest,
  writeManifest,
  type Manifest,
} from '../directory/manifest.js';
import { resolveRuntimeDirectory, type RuntimeDirectory } from '../directory/runtime-directory.js';
import { WaitList } from '../wait-list.js';
import { claimChannel, describeProcess, type StreamIdentity } from './channel-claim.js';
import { DEFAULT_MAX_SUBSCRIBERS, type PublisherOptions } from './options.js';
import { subscriberInfo } from './subscriber-info.js';

/** What a subscriber was promised. */
export interface Grant {
  readonly leases: number;
  readonly maxLag: number;
}

/** A subscriber's place in a stream. */
export interface Place {
  readonly entry: RosterEntry;
  /** Sequence of the first unit it has not seen. */
  readonly sequence: number;
  /** What goes with WELCOME and EPOCH; they stay the stream's. */
  readonly descriptors: readonly number[];
  /** What WELCOME and EPOCH say beside the rest. */
  readonly terms?: Pick<Epoch, 'dataBytes' | 'mirroredFrom' | 'copied'>;
}

/** The memory of one epoch and everything that is published into it. */
export interface PublishedStream {
  readonly manifest: Manifest;
  readonly controlBytes: number;
  /** What `hello` can be promised beside `others`. Throws `LEASES_EXHAUSTED`. */
  grant(hello: Hello, others: readonly Grant[]): Grant;
  /** Adds a reader and takes its page over; from here on it is looked at. When this throws, the page is the caller's. */
  join(page: Region, session: ServerSession, grant: Grant): Place;
  leave(place: Place): void;
  /** Units published that the reader has not passed; leases it holds. */
  lagOf(place: Place): number;
  heldBy(place: Place): number;
  /** Ends it and every place in it. What a GPU still uses goes when `settle` resolves. */
  close(): void;
  settle(): Promise<void>;
}

export interface Member {
  readonly session: ServerSession;
  readonly grant: Grant;
  views: PageViews;
  place: Place;
}

const TICK_MS = 1000;
const MAX_USER_STATS_BYTES = 4096;

export class ChannelOwner<S extends PublishedStream> {
  readonly channel: string;
  readonly directory: RuntimeDirectory;
  readonly instance: string;
  readonly closed: Promise<CloseReason>;
  /** Notified when something may have become free: a reader rang, or one is gone. */
  readonly freed = new WaitList();
  /** Notified when subscribers come or go. */
  readonly demandChanged = new WaitList();
  readonly #options: PublisherOptions<unknown>;
  readonly #lock: ChannelLock;
  readonly #members = new Map<ServerSession, Member>();
  readonly #byEntry = new Map<RosterEntry, ServerSession>();
  readonly #feed = new EventFeed<Status>();
  readonly #startedNs = monotonicNs();
  /** Epochs before this one that a GPU still uses. */
  readonly #formerStreams = new Set<Promise<void>>();
  #stream: S;
  #server: ChannelServer;
  #tick: NodeJS.Timeout;
  #forgetExit: () => void;
  #resolveClosed!: (reason: CloseReason) => void;
  #end: CloseReason | undefined;
  #publishedCount: () => number = () => 0;
  #ratePerSecond = 0;
  #lastTick = { timeNs: this.#startedNs, published: 0 };

  /** Takes over `lock`. `makeStream` gets the identity of the first epoch. */
  private constructor(
    lock: ChannelLock,
    directory: RuntimeDirectory,
    instance: string,
    stream: S,
    options: PublisherOptions<unknown>,
  ) {
    this.channel = lock.channel;
    this.directory = directory;
    this.instance = instance;
    this.#options = options;
    this.#lock = lock;
    this.#stream = stream;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.#server = this.#listen();
    try {
      writeManifest(directory, stream.manifest);
    } catch (error) {
      this.#server.close();
      throw error;
    }
    this.#forgetExit = atExit(() => this.#release());
    this.#tick = setInterval(() => this.#onTick(), TICK_MS).unref();
  }

  /**
   * Claims the channel and opens it. `makeStream` builds the first epoch once the channel is this process's.
   * Throws `CHANNEL_IN_USE`, and whatever `makeStream` throws.
   */
  static async open<S extends PublishedStream>(
    channel: string,
    options: PublisherOptions<unknown>,
    makeStream: (identity: StreamIdentity) => S,
  ): Promise<ChannelOwner<S>> {
    options.signal?.throwIfAborted();
    const directory = resolveRuntimeDirectory(options.directory);
    directory.socketPath(channel);
    if (options.hardened === true) setNotDumpable();
    const instance = randomBytes(16).toString('hex');
    const lock = await claimChannel(directory, channel, instance, options);
    try {
      clearRemains(directory, lock);
      const stream = makeStream({
        channel,
        instance,
        epoch: 1,
        process: describeProcess(options.label),
      });
      try {
        const owner = new ChannelOwner(lock, directory, instance, stream, options);
        owner.#followSignal(options.signal);
        return owner;
      } catch (error) {
        stream.close();
        throw error;
      }
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get stream(): S {
    return this.#stream;
  }

  get end(): CloseReason | undefined {
    return this.#end;
  }

  get members(): ReadonlyMap<ServerSession, Member> {
    return this.#members;
  }

  get ratePerSecond(): number {
    return this.#ratePerSecond;
  }

  /** How the owner learns the number of units published, for the rate. */
  countPublished(count: () => number): void {
    this.#publishedCount = count;
  }

  /** Wakes the subscriber behind an entry of the roster. Bound once: it is called on the hot path. */
  readonly wakeReader = (entry: RosterEntry): void => {
    this.#byEntry.get(entry)?.wake();
  };

  infos(): ReturnType<typeof subscriberInfo>[] {
    return [...this.#members.values()].map((member) => subscriberInfo(member, this.#stream));
  }

  /** Statistics for observers. */
  #stats(): Stats {
    return {
      publisher: {
        ...this.describe(),
        ratePerSecond: this.#ratePerSecond,
        uptimeMs: Math.round((monotonicNs() - this.#startedNs) / 1e6),
        ...this.#userStats(),
      } as JsonObject,
      subscribers: this.infos() as unknown as JsonObject[],
    };
  }

  /** What the application tells; too much of it would leave no room for subscribers. */
  #userStats(): { readonly userStats?: JsonObject } {
    const userStats = this.#options.userStats?.();
    if (userStats === undefined) return {};
    const isSmall = Buffer.byteLength(JSON.stringify(userStats)) <= MAX_USER_STATS_BYTES;
    return isSmall ? { userStats: userStats as JsonObject } : {};
  }

  /** Set by the publisher: its own statistics. */
  describe: () => object = () => ({});

  /**
   * Set by the publisher, which lowers its doorbell: some page's flag may be down now, because its reader rang or
   * because the page is new. Without this a WAKE that comes while nobody waits would be forgotten, and the next wait
   * would sleep with its flags down.
   */
  onFreed: () => void = () => undefined;

  /** Set by the publisher: the last moment at which the memory can be read. */
  onClosing: () => void = () => undefined;
  /** About once a second. */
  onTick: () => void = () => undefined;

  status(signal?: AbortSignal): AsyncIterable<Status> {
    return this.#feed.follow(
      () => (this.#end ? [] : [{ type: 'connected', manifest: this.#stream.manifest }]),
      signal,
    );
  }

  /**
   * Replaces the memory: every subscriber gets a page in the new epoch and drains the old one by itself. When it
   * throws nothing has changed, and `next` is still the caller's.
   */
  replaceStream(next: S): void {
    writeManifest(this.directory, next.manifest);
    const old = this.#stream;
    this.#stream = next;
    this.#byEntry.clear();
    for (const [session, member] of [...this.#members]) {
      try {
        this.#place(session, member);
        session.sendEpoch(
          {
            manifest: compact(next.manifest),
            sequence: member.place.sequence,
            controlBytes: next.controlBytes,
            ...member.place.terms,
          },
          member.place.descriptors,
        );
      } catch (error) {
        // No descriptor left for this one: it comes back when there is.
        if (!(error instanceof SluiceError || error instanceof SystemCallError)) throw error;
        session.close();
      }
    }
    old.close();
    const settled: Promise<void> = old.settle().then(() => {
      this.#formerStreams.delete(settled);
    });
    this.#formerStreams.add(settled);
    this.#feed.emit({ type: 'epoch', epoch: next.manifest.epoch, format: next.manifest.format });
    this.#notifyFreed();
  }

  close(reason: CloseReason = { reason: 'closed' }): Promise<CloseReason> {
    if (this.#end !== undefined) return this.closed;
    this.onClosing();
    this.#end = reason;
    clearInterval(this.#tick);
    this.#forgetExit();
    this.#server.close(reason.reason);
    this.#release();
    this.#members.clear();
    this.#byEntry.clear();
    this.#stream.close();
    this.#feed.end();
    this.#notifyFreed();
    this.demandChanged.notify();
    void this.#settle(reason);
    return this.closed;
  }

  /** It is closed when nothing of it is used any more, by a GPU of this process for example. */
  async #settle(reason: CloseReason): Promise<void> {
    await Promise.all([...this.#formerStreams, this.#stream.settle()]);
    this.#resolveClosed(reason);
  }

  #notifyFreed(): void {
    this.onFreed();
    this.freed.notify();
  }

  #listen(): ChannelServer {
    const { maxSubscribers = DEFAULT_MAX_SUBSCRIBERS, allow } = this.#options;
    const path = this.directory.socketPath(this.channel);
    const { groupId } = this.directory;
    let server: ChannelServer | undefined;
    try {
      server = new ChannelServer({
        channel: this.channel,
        path,
        mode: allow === undefined ? this.directory.fileModes.socket : 0o666,
        accepts: (credentials) => mayConnect(credentials, allow),
        welcome: (hello, session) => this.#welcome(hello, session),
        manifest: () => compact(this.#stream.manifest),
        stats: () => this.#stats(),
        onWake: () => this.#notifyFreed(),
        onEnd: (session) => this.#leave(session),
        // Observers beside subscribers, and a reserve for those who are about to be refused with a reason.
        maxConnections: maxSubscribers * 2 + 64,
      });
      if (groupId !== undefined) lchownSync(path, process.geteuid?.() ?? -1, groupId);
      return server;
    } catch (error) {
      server?.close();
      throw fileFailure(`listen at ${printable(path)}`, error);
    }
  }

  #welcome(
    hello: Hello,
    session: ServerSession,
  ): ReturnType<ConstructorParameters<typeof ChannelServer>[0]['welcome']> {
    const { maxSubscribers = DEFAULT_MAX_SUBSCRIBERS } = this.#options;
    if (this.#members.size >= maxSubscribers) {
      throw new SluiceError(
        'TOO_MANY_SUBSCRIBERS',
        `${this.channel} has ${this.#members.size} subscribers of at most ${maxSubscribers}`,
        { details: { subscribers: this.#members.size, maxSubscribers } },
      );
    }
    const stream = this.#stream;
    const others = [...this.#members.values()].map((member) => member.grant);
    const grant = stream.grant(hello, others);
    const member = { session, grant } as Member;
    this.#place(session, member);
    this.#members.set(session, member);
    this.#notifyFreed();
    this.demandChanged.notify();
    return {
      body: {
        manifest: compact(stream.manifest),
        subscriber: session.id,
        leases: grant.leases,
        maxLag: grant.maxLag,
        sequence: member.place.sequence,
        controlBytes: stream.controlBytes,
        clockOffsetNs: monotonicNs() - hello.monotonicNs,
        ...member.place.terms,
      },
      descriptors: member.place.descriptors,
    };
  }

  /** A fresh page, and a place in the current stream, before the subscriber can see either. */
  #place(session: ServerSession, member: Member): void {
    const page = createReaderPage(`sluice-page:${this.channel}`);
    member.views = pageViews(page.buffer);
    try {
      member.place = this.#stream.join(page, session, member.grant);
    } catch (error) {
      page.close();
      throw error;
    }
    this.#byEntry.set(member.place.entry, session);
  }

  /** The subscriber is dead by kernel fact: its leases end here, and a waiting publisher looks again. */
  #leave(session: ServerSession): void {
    const member = this.#members.get(session);
    if (member === undefined) return;
    this.#members.delete(session);
    this.#byEntry.delete(member.place.entry);
    this.#stream.leave(member.place);
    this.#notifyFreed();
    this.demandChanged.notify();
  }

  #onTick(): void {
    const timeNs = monotonicNs();
    const published = this.#publishedCount();
    this.#ratePerSecond =
      (published - this.#lastTick.published) / ((timeNs - this.#lastTick.timeNs) / 1e9);
    this.#lastTick = { timeNs, published };
    this.onTick();
    if (this.#end !== undefined) return;
    if (this.#server.checkInode() && this.#lock.isIntact()) return;
    // Somebody cleaned the directory: without its lock this process no longer owns the name.
    const error = new SluiceError(
      'CLOSED',
      `the socket or lock of ${this.channel} was removed from ${this.directory.path}`,
      {
        remedy:
          'Keep cleaners of temporary files away from the runtime directory; open the channel again.',
      },
    );
    void this.close({ reason: 'failed', error });
  }

  #release(): void {
    this.#server.close();
    removeManifest(this.directory, this.channel, this.instance);
    this.#lock.release();
  }

  #followSignal(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = (): void => void this.close({ reason: 'aborted' });
    signal.addEventListener('abort', abort, { once: true });
    void this.closed.then(() => signal.removeEventListener('abort', abort));
  }
}

/** A manifest as it travels in a frame: JSON of its own, without what only people need. */
function compact(manifest: Manifest): JsonObject {
  return JSON.parse(encodeManifest(manifest)) as JsonObject;
}
