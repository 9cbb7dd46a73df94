/** What a publisher tells observers, made safe: every count a plain number, every text printable. */
import { printable } from '../core/index.js';
import type { Stats } from '../layout/handshake-bodies.js';

export interface PublisherFacts {
  readonly published: number;
  readonly dropped: number;
  readonly bytes: number;
  readonly ratePerSecond: number;
  readonly subscribers: number;
  readonly slotsHeld: number;
  readonly slots: number;
  readonly passedOver: number;
  readonly uptimeMs: number;
  /** What the application tells of itself: not looked into, of at most a few kilobytes. */
  readonly userStats?: Readonly<Record<string, unknown>>;
}

export interface SubscriberFacts {
  readonly id: number;
  readonly label: string;
  /** 0 when it is in another pid namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly delivery: string;
  readonly maxLag: number;
  readonly leases: number;
  readonly lag: number;
  readonly held: number;
  readonly received: number;
  readonly skipped: number;
  readonly lost: number;
  readonly reconnects: number;
  readonly bytesInPlace: number;
  readonly bytesCopied: number;
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface ChannelFacts {
  readonly publisher: PublisherFacts;
  readonly subscribers: readonly SubscriberFacts[];
  /** Subscribers that did not fit into the answer. */
  readonly omitted: number;
}

const MAX_LABEL = 128;

type Fields = Readonly<Record<string, unknown>>;

export function readStats(stats: Stats): ChannelFacts {
  return {
    publisher: readPublisher(stats.publisher as Fields),
    subscribers: stats.subscribers.map((subscriber) => readSubscriber(subscriber as Fields)),
    omitted: count(stats.omitted),
  };
}

function readPublisher(fields: Fields): PublisherFacts {
  return {
    published: count(fields['published']),
    dropped: count(fields['dropped']),
    bytes: count(fields['bytes']),
    ratePerSecond: count(fields['ratePerSecond']),
    subscribers: count(fields['subscribers']),
    slotsHeld: count(fields['slotsHeld']),
    slots: count(fields['slots']),
    passedOver: count(fields['passedOver']),
    uptimeMs: count(fields['uptimeMs']),
    ...(isFields(fields['userStats']) ? { userStats: fields['userStats'] } : {}),
  };
}

function readSubscriber(fields: Fields): SubscriberFacts {
  const latency = fields['latencyUs'];
  const latencies = isFields(latency) ? latency : {};
  return {
    id: count(fields['id']),
    label: text(fields['label']),
    pid: count(fields['pid']),
    uid: count(fields['uid']),
    delivery: text(fields['delivery']),
    maxLag: count(fields['maxLag']),
    leases: count(fields['leases']),
    lag: count(fields['lag']),
    held: count(fields['held']),
    received: count(fields['received']),
    skipped: count(fields['skipped']),
    lost: count(fields['lost']),
    reconnects: count(fields['reconnects']),
    bytesInPlace: count(fields['bytesInPlace']),
    bytesCopied: count(fields['bytesCopied']),
    latencyUs: {
      p50: count(latencies['p50']),
      p99: count(latencies['p99']),
      max: count(latencies['max']),
    },
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function count(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : 0;
}

function text(value: unknown): string {
  return typeof value === 'string' ? printable(value, MAX_LABEL) : '';
}
