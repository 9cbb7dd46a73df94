/**
 * Health by MQTT. Below the topic, `sluice/HOSTNAME`, everything is retained:
 *
 * ```text
 * status                     online | offline, also when this process dies (the last will)
 * cameras/CHANNEL/status     online | offline: whether the camera is well
 * cameras/CHANNEL/health     its numbers, as JSON
 * ```
 *
 * Elsewhere, where `discovery` is asked for, what Home Assistant finds cameras by (home-assistant.ts).
 *
 * One connection: when it is lost the report has ended, and whoever opened it opens another. Nothing is queued: a report
 * that the broker has not taken yet is waited for, and those in between are left out.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IClientOptions, MqttClient } from 'mqtt';
import type { CloseReason } from '../../bus/index.js';
import { SluiceError } from '../../core/index.js';
import { hideSecrets, redact } from '../ffmpeg/index.js';
import type { CameraHealth, Health } from './health.js';
import { announcements, withdrawals } from './home-assistant.js';

export interface MqttOptions {
  /** `mqtt://HOST:PORT` or `mqtts://HOST:PORT`; a name and a password in it are used and shown nowhere. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** Where topics begin. Default `sluice/HOSTNAME`. */
  readonly topic?: string;
  /** From one report to the next; a change of a status is reported at once. Default 5000. */
  readonly everyMs?: number;
  /** Announces cameras to Home Assistant below this topic, which is `homeassistant` there. Default: does not. */
  readonly discovery?: string;
}

/** What a topic to publish to can be. */
export const MQTT_TOPIC = /^[^+#\u0000-\u001f]{1,256}$/;
const DEFAULT_EVERY_MS = 5000;
/** How often it is looked whether a camera is well. */
const LOOK_EVERY_MS = 500;
const CONNECT_MS = 10_000;
/** Saying goodbye to a broker that does not answer. */
const FAREWELL_MS = 1000;

/** Throws `RangeError`. */
export function checkMqttOptions(options: MqttOptions): void {
  const { url, username, password, topic, discovery } = options;
  for (const [name, text] of Object.entries({ topic, discovery })) {
    // By the broker's rules, which would end the connection without a word.
    if (text === undefined || MQTT_TOPIC.test(text)) continue;
    throw new RangeError(`${name} must be a topic of 1 to 256 characters, without + and #`);
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^mqtts?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new RangeError('url must be mqtt://HOST:PORT or mqtts://HOST:PORT');
  }
  if (parsed.username !== '' && (username !== undefined || password !== undefined)) {
    throw new RangeError('name and password are given twice, in url and beside it');
  }
}

/** A connection to a broker that is told how things are. Whoever opened it closes it. */
export class MqttReport implements AsyncDisposable {
  readonly closed: Promise<CloseReason>;
  /** Without name and password. */
  readonly url: string;
  readonly #client: MqttClient;
  readonly #topic: string;
  readonly #everyMs: number;
  readonly #discovery: string | undefined;
  readonly #health: () => Health;
  readonly #statuses = new Map<string, boolean>();
  /** Of which the broker may still have something: told of by this connection or one before. */
  readonly #told: Set<string>;
  readonly #timer: NodeJS.Timeout;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #sending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;

  /** @internal Use `openMqttReport()`. */
  constructor(
    client: MqttClient,
    options: MqttOptions,
    shown: string,
    health: () => Health,
    told: Set<string>,
  ) {
    this.#client = client;
    this.#told = told;
    this.url = shown;
    this.#topic = topicOf(options);
    this.#everyMs = options.everyMs ?? DEFAULT_EVERY_MS;
    this.#discovery = options.discovery;
    this.#health = health;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    client.on('close', () => {
      const error = new SluiceError('SYSTEM', `the connection to ${shown} is lost`, {
        remedy: 'Look whether the broker runs, and what it says of this client.',
      });
      this.#end({ reason: 'failed', error });
    });
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_EVERY_MS, this.#everyMs));
    this.#look();
  }

  /** Says `offline` everywhere and disconnects. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#farewell();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #farewell(): Promise<void> {
    this.#end({ reason: 'closed' });
    // What was under way when the connection was lost is never answered: nothing here waits for it.
    if (this.#client.connected) {
      const late = new AbortController();
      const timeout = sleep(FAREWELL_MS, undefined, { signal: late.signal }).catch(() => undefined);
      await Promise.race([this.#sayOffline(), timeout]);
      late.abort();
    }
    this.#client.end(true);
  }

  async #sayOffline(): Promise<void> {
    const topics = ['status', ...[...this.#statuses.keys()].map(statusTopic)];
    await this.#sending;
    await this.#publish(topics.map((topic) => [this.#under(topic), 'offline']));
    await this.#client.endAsync().catch(() => undefined);
  }

  #end(reason: CloseReason): void {
    clearInterval(this.#timer);
    this.#resolveClosed(reason);
  }

  #under(topic: string): string {
    return `${this.#topic}/${topic}`;
  }

  #look(): void {
    if (this.#sending !== undefined) return;
    const now = performance.now();
    const isDue = now - this.#reportedAtMs >= this.#everyMs;
    const { cameras } = this.#health();
    const gone = [...this.#told].filter((told) => !cameras.some(({ channel }) => channel === told));
    const messages = [...this.#messages(cameras, isDue), ...this.#takeBack(gone)];
    if (isDue) this.#reportedAtMs = now;
    if (messages.length === 0) return;
    this.#sending = this.#publish(messages).then((isDelivered) => {
      this.#sending = undefined;
      // Else the broker may still have it, and the next look, or the next connection, takes it back.
      if (isDelivered) for (const channel of gone) this.#told.delete(channel);
    });
  }

  #messages(cameras: readonly CameraHealth[], isDue: boolean): [string, string][] {
    const messages: [string, string][] = [];
    const say = (topic: string, text: string): void => {
      messages.push([this.#under(topic), text]);
    };
    if (this.#reportedAtMs === Number.NEGATIVE_INFINITY) say('status', 'online');
    for (const camera of cameras) {
      const { channel, healthy } = camera;
      const isChanged = this.#statuses.get(channel) !== healthy;
      if (!this.#statuses.has(channel)) messages.push(...this.#announce(channel));
      this.#statuses.set(channel, healthy);
      this.#told.add(channel);
      if (isChanged) say(statusTopic(channel), healthy ? 'online' : 'offline');
      if (isChanged || isDue) say(healthTopic(channel), JSON.stringify(camera));
    }
    return messages;
  }

  /** A retained message that is empty is a message taken back. */
  #takeBack(channels: readonly string[]): [string, string][] {
    const prefix = this.#discovery;
    return channels.flatMap((channel) => {
      this.#statuses.delete(channel);
      const own = [statusTopic(channel), healthTopic(channel)];
      const messages = own.map((topic): [string, string] => [this.#under(topic), '']);
      return prefix === undefined
        ? messages
        : [...messages, ...withdrawals(prefix, this.#topic, channel)];
    });
  }

  #announce(channel: string): [string, string][] {
    if (this.#discovery === undefined) return [];
    return announcements(this.#discovery, this.#topic, channel, {
      available: this.#under('status'),
      status: this.#under(statusTopic(channel)),
      health: this.#under(healthTopic(channel)),
    });
  }

  /** Resolves when the broker has them all, or the connection is over: to whether it has. */
  async #publish(messages: readonly (readonly [string, string])[]): Promise<boolean> {
    const send = ([topic, text]: readonly [string, string]): Promise<boolean> =>
      this.#client.publishAsync(topic, text, { qos: 1, retain: true }).then(
        () => true,
        () => false,
      );
    return (await Promise.all(messages.map(send))).every((isDelivered) => isDelivered);
  }
}

/**
 * Connects, and reports until it is closed or the connection is lost. `health` is asked twice a second. `told`: the
 * channels that connections before have told of, and this one adds to; what was retained of those that are there no more
 * is taken back. Rejects with `RangeError` for bad options, `SYSTEM` when there is no connection, and the signal's reason.
 */
export async function openMqttReport(
  options: MqttOptions,
  health: () => Health,
  told: Set<string>,
  signal?: AbortSignal,
): Promise<MqttReport> {
  checkMqttOptions(options);
  signal?.throwIfAborted();
  const { shown, secrets } = hideSecrets(options.url);
  // Only here: it is large, and most never tell a broker anything.
  const { connect } = await import('mqtt');
  const client = connect(clientOptions(options));
  // Without a listener a late error would end the process; 'close' follows, and tells.
  client.on('error', () => undefined);
  const abort = (): void => void client.end(true);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause?: Error): void => {
        const why = redact(cause?.message ?? 'the connection was closed', secrets);
        const remedy = 'Check the address, and name and password.';
        const message = `cannot report to ${shown}: ${why}`;
        reject(new SluiceError('SYSTEM', message, { remedy }));
      };
      client.once('connect', () => resolve());
      client.once('error', refuse);
      client.once('close', () => refuse());
    });
  } catch (error) {
    client.end(true);
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  return new MqttReport(client, options, shown, health, told);
}

function clientOptions(options: MqttOptions): IClientOptions {
  const url = new URL(options.url);
  const isSecure = url.protocol === 'mqtts:';
  const username = options.username ?? decodeURIComponent(url.username);
  const password = options.password ?? decodeURIComponent(url.password);
  const will = { topic: `${topicOf(options)}/status`, payload: Buffer.from('offline') };
  return {
    protocol: isSecure ? 'mqtts' : 'mqtt',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (isSecure ? 8883 : 1883) : Number(url.port),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    will: { ...will, qos: 1, retain: true },
    reconnectPeriod: 0,
    connectTimeout: CONNECT_MS,
    keepalive: 30,
    queueQoSZero: false,
  };
}

function topicOf({ topic }: MqttOptions): string {
  // A hostname may not be what a topic can be.
  return topic ?? `sluice/${hostname().replaceAll(/[^\w.-]/g, '-')}`;
}

function statusTopic(channel: string): string {
  return `cameras/${channel}/status`;
}

function healthTopic(channel: string): string {
  return `cameras/${channel}/health`;
}
