/**
 * Many channels read as one: a pattern's group follows channels as they come and go. Members take turns, so that a
 * busy one does not starve the others.
 */
import { setMaxListeners } from 'node:events';
import { channelMatcher, isSluiceError, SluiceError } from '../../core/index.js';
import { formatMismatch, type FormatPattern } from '../../format/index.js';
import { type ChannelEvent, watchChannels } from '../directory/discovery.js';
import {
  closedError,
  type CloseReason,
  type Endpoint,
  type Status,
  type SubscriberStats,
  type WaitOptions,
} from '../endpoint.js';
import { EventFeed } from '../event-feed.js';
import { EventLoopTurn } from '../event-loop-turn.js';
import { pauseBetweenLooks } from '../fence-poll.js';
import type { Manifest } from '../directory/manifest.js';
import { WaitList } from '../wait-list.js';
import type { ChannelLink } from './channel-link.js';
import type { LinkSession } from './link-session.js';
import { checkSubscriberOptions, type SubscriberOptions } from './options.js';
import { receiveAll } from './receive-loop.js';

/** What a group needs of its members. */
export interface GroupMember<U> extends Endpoint<SubscriberStats> {
  readonly link: ChannelLink<LinkSession>;
  tryReceive(): U | undefined;
}

export interface GroupOptions<U> {
  readonly pattern: string;
  readonly kind: 'frame' | 'message';
  readonly options: SubscriberOptions<FormatPattern>;
  readonly openMember: (
    channel: string,
    options: SubscriberOptions<FormatPattern>,
  ) => Promise<GroupMember<U>>;
  readonly releaseLast: (unit: U) => void;
}

type Totals = Record<
  'received' | 'skipped' | 'lost' | 'reconnects' | 'bytesInPlace' | 'bytesCopied',
  number
>;

/** More channels than this wait for a place: each costs two descriptors and a connection. */
const MAX_MEMBERS = 256;
const REJOIN_MS = 50;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1000;
/** Codes after which a channel that is still announced is tried again. */
const RETRIED: readonly string[] = [
  'CHANNEL_NOT_FOUND',
  'NO_ANSWER',
  'TOO_MANY_FILES',
  'TOO_MANY_SUBSCRIBERS',
  'LEASES_EXHAUSTED',
];

/**
 * All channels that match a pattern, read as one; `unit.channel` tells which. Channels whose kind or format does not
 * fit are left out, and so are those beyond 256 at once.
 */
export class GroupSubscriber<U> implements Endpoint<SubscriberStats>, AsyncIterable<U> {
  /** The pattern. */
  readonly channel: string;
  readonly closed: Promise<CloseReason>;
  readonly #group: GroupOptions<U>;
  readonly #members = new Map<string, GroupMember<U>>();
  /** What the directory announces at the moment and this group wants. */
  readonly #announced = new Set<string>();
  readonly #joining = new Set<string>();
  readonly #announcements = new WaitList();
  readonly #ready = new WaitList();
  readonly #feed = new EventFeed<Status>();
  readonly #abort = new AbortController();
  #last: Manifest | undefined;
  /** Index of the member that is asked first. */
  #turn = 0;
  readonly #loopTurn = new EventLoopTurn();
  #end: CloseReason | undefined;
  #resolveClosed!: (reason: CloseReason) => void;
  readonly #former: Totals = {
    received: 0,
    skipped: 0,
    lost: 0,
    reconnects: 0,
    bytesInPlace: 0,
    bytesCopied: 0,
  };

  constructor(group: GroupOptions<U>) {
    this.#group = group;
    this.channel = group.pattern;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    // Every member listens to it, and there may be more than Node takes for a leak.
    setMaxListeners(0, this.#abort.signal);
    channelMatcher(group.pattern);
    checkSubscriberOptions(group.options, group.kind);
    const { signal } = group.options;
    signal?.throwIfAborted();
    const channels = this.#watch();
    const abort = (): void => this.#finish({ reason: 'aborted' });
    signal?.addEventListener('abort', abort, { once: true });
    void this.closed.then(() => signal?.removeEventListener('abort', abort));
    void this.#follow(channels);
  }

  /** The channels that are read at the moment. */
  get channels(): readonly string[] {
    return [...this.#members.keys()].sort();
  }

  /** The announcement of the channel that joined last. Throws `CLOSED` before the first. */
  get manifest(): Manifest {
    if (this.#last !== undefined) return this.#last;
    throw new SluiceError('CLOSED', `no channel matches ${this.channel} yet`);
  }

  /**
   * The next unit of any member, or undefined when there is none now. A member whose leases are all held is passed
   * over; when there is nothing else its `LEASES_EXHAUSTED` is thrown.
   */
  tryReceive(): U | undefined {
    if (this.#end?.reason === 'closed') throw closedError('tryReceive()', this.channel, this.#end);
    const members = [...this.#members.values()];
    let exhausted: unknown;
    for (let i = 0; i < members.length; i++) {
      const index = (this.#turn + i) % members.length;
      let unit: U | undefined;
      try {
        unit = (members[index] as GroupMember<U>).tryReceive();
      } catch (error) {
        if (!isSluiceError(error, 'LEASES_EXHAUSTED')) throw error;
        exhausted ??= error;
      }
      if (unit === undefined) continue;
      this.#turn = index + 1;
      return unit;
    }
    if (exhausted !== undefined) throw exhausted;
    return undefined;
  }

  /** The next unit of any member, as soon as there is one. Rejects with `CLOSED` at the end, or the signal's reason. */
  async receive(options: WaitOptions = {}): Promise<U> {
    const unit = await this.#receiveOrEnd(options);
    if (unit !== undefined) return unit;
    throw closedError('receive()', this.channel, this.#end ?? { reason: 'closed' });
  }

  [Symbol.asyncIterator](): AsyncGenerator<U, void, undefined> {
    return receiveAll(() => this.#receiveOrEnd({}), this.#group.releaseLast);
  }

  /** Sums over all members, past ones too; latencies are the worst of the present ones. */
  stats(): SubscriberStats {
    const all = [...this.#members.values()].map((member) => member.stats());
    const sum = (key: keyof Totals): number =>
      all.reduce((total, stats) => total + stats[key], this.#former[key]);
    const worst = (key: 'p50' | 'p99' | 'max'): number =>
      all.reduce((most, stats) => Math.max(most, stats.latencyUs[key]), 0);
    const total = (key: 'lag' | 'held'): number =>
      all.reduce((count, stats) => count + stats[key], 0);
    const newest = all.reduce<SubscriberStats | undefined>(
      (found, stats) => (found === undefined || stats.lastPtsNs > found.lastPtsNs ? stats : found),
      undefined,
    );
    return Object.freeze({
      received: sum('received'),
      skipped: sum('skipped'),
      lost: sum('lost'),
      reconnects: sum('reconnects'),
      bytesInPlace: sum('bytesInPlace'),
      bytesCopied: sum('bytesCopied'),
      lag: total('lag'),
      held: total('held'),
      lastSequence: newest?.lastSequence ?? 0,
      lastPtsNs: newest?.lastPtsNs ?? 0,
      latencyUs: Object.freeze({ p50: worst('p50'), p99: worst('p99'), max: worst('max') }),
    });
  }

  status({ signal }: WaitOptions = {}): AsyncIterable<Status> {
    const present = (): Status[] =>
      [...this.#members.values()].map(({ manifest }) => ({ type: 'connected', manifest }));
    return this.#feed.follow(present, signal);
  }

  async close(): Promise<void> {
    this.#finish({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #finish(reason: CloseReason): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#abort.abort();
    for (const member of this.#members.values()) void member.close();
    this.#members.clear();
    this.#feed.end();
    this.#ready.notify();
    this.#resolveClosed(reason);
  }

  async #receiveOrEnd({ signal }: WaitOptions): Promise<U | undefined> {
    if (this.#loopTurn.isOver) await this.#loopTurn.pass();
    const sinceMs = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      if (this.#end !== undefined) return undefined;
      const unit = this.tryReceive();
      if (unit !== undefined) return unit;
      if (this.#armAll()) continue;
      this.#loopTurn.waited();
      await (this.#isSilent() ? pauseBetweenLooks(sinceMs) : this.#ready.wait(signal));
    }
  }

  /** Whether a member waits for the work of a GPU, which rings nobody. */
  #isSilent(): boolean {
    for (const { link } of this.#members.values()) {
      if (link.session?.isSilent === true) return true;
    }
    return false;
  }

  /** True when a member's doorbell was raised just now: look at all of them once more before sleeping. */
  #armAll(): boolean {
    let raised = false;
    for (const member of this.#members.values()) {
      if (member.link.session?.doorbell.mustLookAgain() === true) raised = true;
    }
    return raised;
  }

  #watch(): AsyncIterable<ChannelEvent> {
    const { pattern, options } = this.#group;
    return watchChannels(pattern, {
      signal: this.#abort.signal,
      ...(options.directory === undefined ? {} : { directory: options.directory }),
      ...(options.allow?.uids === undefined ? {} : { allowUids: options.allow.uids }),
    });
  }

  async #follow(events: AsyncIterable<ChannelEvent>): Promise<void> {
    try {
      for await (const { type, manifest } of events) {
        if (type === 'retired' || !this.#wants(manifest)) {
          this.#announced.delete(manifest.channel);
        } else {
          this.#announced.add(manifest.channel);
          void this.#join(manifest.channel);
        }
        this.#announcements.notify();
      }
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#finish({ reason: 'failed', error });
    }
  }

  #wants(manifest: Manifest): boolean {
    const { kind, options } = this.#group;
    if (manifest.kind !== kind) return false;
    return (
      options.format === undefined || formatMismatch(manifest.format, options.format) === undefined
    );
  }

  /**
   * Makes the channel a member, trying again for as long as it is announced: its publisher may be stopped, or have no
   * place free. A member that ends leaves the group and comes back the same way.
   */
  async #join(channel: string, pauseMs = 0): Promise<void> {
    if (this.#members.has(channel) || this.#joining.has(channel)) return;
    this.#joining.add(channel);
    const { signal } = this.#abort;
    try {
      if (pauseMs > 0) await new WaitList().wait(signal, pauseMs).catch(() => undefined);
      for (let retryMs = FIRST_RETRY_MS; this.#announced.has(channel) && !signal.aborted;) {
        if (this.#members.size < MAX_MEMBERS && !(await this.#tryJoin(channel))) return;
        await this.#announcements.wait(signal, retryMs).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      }
    } finally {
      this.#joining.delete(channel);
    }
  }

  /** True: it may work later. */
  async #tryJoin(channel: string): Promise<boolean> {
    const { signal: _signal, ...options } = this.#group.options;
    try {
      const member = await this.#group.openMember(channel, {
        ...options,
        whenMissing: 'fail',
        whenLost: 'end',
        signal: this.#abort.signal,
      });
      this.#adopt(channel, member);
      return false;
    } catch (error) {
      if (this.#abort.signal.aborted) return false;
      if (!(error instanceof SluiceError)) throw error;
      return RETRIED.includes(error.code);
    }
  }

  #adopt(channel: string, member: GroupMember<U>): void {
    if (this.#end !== undefined) {
      void member.close();
      return;
    }
    this.#members.set(channel, member);
    this.#last = member.manifest;
    member.link.onReady = () => this.#ready.notify();
    this.#feed.emit({ type: 'connected', manifest: member.manifest });
    this.#ready.notify();
    void member.closed.then(({ reason }) => this.#leave(channel, member, reason));
  }

  #leave(channel: string, member: GroupMember<U>, reason: string): void {
    if (this.#members.get(channel) !== member) return;
    this.#members.delete(channel);
    const stats = member.stats();
    for (const key of Object.keys(this.#former) as (keyof Totals)[]) {
      this.#former[key] += stats[key];
    }
    this.#former.reconnects += 1;
    this.#feed.emit({ type: 'lost', reason: `${channel}: ${reason}`, retryInMs: 0 });
    if (reason === 'behind') this.#finish({ reason: 'behind' });
    // The channel may have been announced anew while this member still drained the old publisher's messages. Not at
    // once: a publisher that ends each connection must not be asked in a tight loop.
    else void this.#join(channel, REJOIN_MS);
    this.#ready.notify();
  }
}
