/**
 * Many channels read as one: a pattern's group follows channels as they come and go. Members take turns, so that a
 * busy one does not starve the others.
 */
import { channelMatcher, SluiceError } from '../../core/index.js';
import { formatMismatch, type FormatPattern } from '../../format/index.js';
import { watchChannels } from '../discovery.js';
import {
  closedError,
  type CloseReason,
  type Endpoint,
  type Status,
  type SubscriberStats,
  type WaitOptions,
} from '../endpoint.js';
import { EventFeed } from '../event-feed.js';
import type { Manifest } from '../manifest.js';
import { WaitList } from '../wait-list.js';
import type { ChannelLink } from './channel-link.js';
import type { LinkSession } from './link-session.js';
import type { SubscriberOptions } from './options.js';
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

/** More channels than this are left out: each costs two descriptors and a connection. */
const MAX_MEMBERS = 256;

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
  readonly #opening = new Set<string>();
  readonly #ready = new WaitList();
  readonly #feed = new EventFeed<Status>();
  readonly #abort = new AbortController();
  #last: Manifest | undefined;
  #turn = 0;
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
    channelMatcher(group.pattern);
    const { signal } = group.options;
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => this.#finish({ reason: 'aborted' }), { once: true });
    void this.#follow();
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

  /** The next unit of any member, or undefined when there is none now. */
  tryReceive(): U | undefined {
    if (this.#end?.reason === 'closed') throw closedError('tryReceive()', this.channel, this.#end);
    const members = [...this.#members.values()];
    for (let i = 0; i < members.length; i++) {
      const index = (this.#turn + i) % members.length;
      const unit = (members[index] as GroupMember<U>).tryReceive();
      if (unit === undefined) continue;
      this.#turn = index + 1;
      return unit;
    }
    return undefined;
  }

  /** The next unit of any member, as soon as there is one. Rejects with `CLOSED` at the end, or the signal's reason. */
  async receive(options: WaitOptions = {}): Promise<U> {
    const unit = await this.#receiveOrEnd(options);
    if (unit !== undefined) return unit;
    throw closedError('receive()', this.channel, this.#end ?? { reason: 'closed' });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<U, void, undefined> {
    yield* receiveAll(() => this.#receiveOrEnd({}), this.#group.releaseLast);
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
    const first = [...this.#members.values()].map((member): Status => ({
      type: 'connected',
      manifest: member.manifest,
    }));
    return this.#feed.follow(first, signal);
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
    for (;;) {
      signal?.throwIfAborted();
      if (this.#end !== undefined) return undefined;
      const unit = this.tryReceive();
      if (unit !== undefined) return unit;
      if (this.#armAll()) continue;
      await this.#ready.wait(signal);
    }
  }

  /** True when a member's doorbell was raised just now: look at all of them once more before sleeping. */
  #armAll(): boolean {
    let raised = false;
    for (const member of this.#members.values()) {
      if (member.link.session?.doorbell.mustLookAgain() === true) raised = true;
    }
    return raised;
  }

  async #follow(): Promise<void> {
    const { pattern, options } = this.#group;
    const watch = watchChannels(pattern, {
      signal: this.#abort.signal,
      ...(options.directory === undefined ? {} : { directory: options.directory }),
      ...(options.allow?.uids === undefined ? {} : { allowUids: options.allow.uids }),
    });
    try {
      for await (const { type, manifest } of watch) {
        if (type !== 'retired' && this.#wants(manifest)) void this.#join(manifest.channel);
      }
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#finish({ reason: 'failed', error });
    }
  }

  #wants(manifest: Manifest): boolean {
    const { kind, options } = this.#group;
    if (manifest.kind !== kind || this.#members.size >= MAX_MEMBERS) return false;
    return (
      options.format === undefined || formatMismatch(manifest.format, options.format) === undefined
    );
  }

  /** A member that ends leaves the group; the next announcement of its channel brings it back. */
  async #join(channel: string): Promise<void> {
    if (this.#members.has(channel) || this.#opening.has(channel)) return;
    this.#opening.add(channel);
    try {
      const { signal: _signal, ...options } = this.#group.options;
      const member = await this.#group.openMember(channel, {
        ...options,
        whenMissing: 'fail',
        whenLost: 'end',
        signal: this.#abort.signal,
      });
      this.#adopt(channel, member);
    } catch (error) {
      // Gone again, refused, or of another format by now: no member. Anything else is a bug.
      if (!(error instanceof SluiceError) && !this.#abort.signal.aborted) throw error;
    } finally {
      this.#opening.delete(channel);
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
    // The channel may have been announced anew while this member still drained the old publisher's messages.
    else void this.#join(channel);
    this.#ready.notify();
  }
}
