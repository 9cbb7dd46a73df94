/** A channel as programs read it that know nothing of Sluice. */
import { assertChannelName, type SluiceError } from '../../core/index.js';
import { closeDescriptor, SystemCallError } from '../../ffi/index.js';
import type { CloseReason } from '../../bus/index.js';
import { type ClientHandlers, ClientWriter } from './client-writer.js';
import { FrameTap } from './frame-tap.js';
import { checkTapOptions, DEFAULT_MAX_CLIENTS, isPacketTap, type TapOptions } from './options.js';
import { PacketTap } from './packet-tap.js';
import { openTapServer, type TapServer } from './tap-server.js';
import type { TapCounters, TapSource } from './tap-source.js';

/** What a tap has done since it was opened. Plain JSON. */
export interface TapStats {
  /** Connected now. */
  readonly clients: number;
  /** Connected so far. */
  readonly accepted: number;
  /** Turned away: there were too many, or no descriptor was left. */
  readonly refused: number;
  /** Whether it has a publisher: without clients it does not look for one. */
  readonly reading: boolean;
  /** Pictures or packets begun to be sent, over all clients. */
  readonly framesSent: number;
  /** Passed over because a client was still busy with an older one. */
  readonly framesSkipped: number;
  /** Shown again by 'hold'. */
  readonly framesRepeated: number;
  /** Bytes that sockets have taken. */
  readonly bytesSent: number;
  /** Bytes on their way to clients that have not read enough. */
  readonly waitingBytes: number;
}

interface Counters extends TapCounters {
  accepted: number;
  refused: number;
  bytesSent: number;
}

/** An open tap. Whoever opened it closes it, by `close()` or `await using`. */
export class Tap implements AsyncDisposable {
  readonly channel: string;
  /** Where to connect, as ffmpeg writes it: `unix:/run/door.y4m`, `tcp://127.0.0.1:8554`. */
  readonly url: string;
  /** Resolves when the tap has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #server: TapServer;
  readonly #source: TapSource;
  readonly #clients: Set<ClientWriter>;
  readonly #counters: Counters;
  #resolveClosed!: (reason: CloseReason) => void;
  #closing: Promise<void> | undefined;

  private constructor(
    channel: string,
    server: TapServer,
    source: TapSource,
    clients: Set<ClientWriter>,
    counters: Counters,
  ) {
    this.channel = channel;
    this.url = server.url;
    this.#server = server;
    this.#source = source;
    this.#clients = clients;
    this.#counters = counters;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** @internal Use `openTap()`. */
  static async open(channel: string, options: TapOptions): Promise<Tap> {
    const counters = {
      reading: false,
      framesSent: 0,
      framesSkipped: 0,
      framesRepeated: 0,
      accepted: 0,
      refused: 0,
      bytesSent: 0,
    };
    const clients = new Set<ClientWriter>();
    let tap: Tap | undefined;
    const fail = (error: SluiceError): void => void tap?.end({ reason: 'failed', error });
    const source = sourceOf(channel, options, counters, fail);
    const most = options.maxClients ?? DEFAULT_MAX_CLIENTS;
    const handlers = {
      onDrained: (client: ClientWriter) => source.drained(client),
      onInput: (client: ClientWriter, bytes: Uint8Array) => source.input?.(client, bytes),
      onEnd: (client: ClientWriter) => {
        clients.delete(client);
        counters.bytesSent += client.sentBytes;
        source.leave(client);
      },
    };
    const server = await openTapServer(options, (fd) => {
      const client = clients.size < most ? clientOf(fd, handlers) : undefined;
      if (client === undefined) {
        counters.refused += 1;
        return closeDescriptor(fd);
      }
      counters.accepted += 1;
      clients.add(client);
      source.join(client);
    });
    return (tap = new Tap(channel, server, source, clients, counters));
  }

  stats(): TapStats {
    const sum = (of: (client: ClientWriter) => number): number =>
      [...this.#clients].reduce((total, client) => total + of(client), 0);
    const { bytesSent, ...counters } = this.#counters;
    return Object.freeze({
      clients: this.#clients.size,
      ...counters,
      bytesSent: bytesSent + sum(({ sentBytes }) => sentBytes),
      waitingBytes: sum(({ waitingBytes }) => waitingBytes),
    });
  }

  /** Ends it: clients read an end, in the middle of a picture perhaps. Idempotent. */
  close(): Promise<void> {
    return this.end({ reason: 'closed' });
  }

  /** @internal */
  end(reason: CloseReason): Promise<void> {
    this.#closing ??= this.#end(reason);
    return this.#closing;
  }

  async #end(reason: CloseReason): Promise<void> {
    this.#server.close();
    for (const client of this.#clients) client.close();
    this.#resolveClosed(reason);
    // A source that failed ends by itself, and is still doing so while it says it.
    if (reason.reason !== 'failed') await this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Undefined when the process has no descriptor left to watch it by. */
function clientOf(fd: number, handlers: ClientHandlers): ClientWriter | undefined {
  try {
    return new ClientWriter(fd, handlers);
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}

function sourceOf(
  channel: string,
  options: TapOptions,
  counters: TapCounters,
  fail: (error: SluiceError) => void,
): TapSource {
  const { as } = options;
  if (isPacketTap(as)) return new PacketTap(channel, { ...options, as }, counters, fail);
  return new FrameTap(channel, { ...options, as }, counters, fail);
}

/**
 * Serves a channel on a Unix socket or a port of this machine: pictures as `y4m`, `nut` or `raw`, or the packets beside
 * them (`CHANNEL/packets`) as `h264`, `hevc` or `mpegts`, the last with sound (`CHANNEL/audio`). Any number of clients
 * read, each at its own pace; a slow one passes pictures over and holds nobody up. The channel may come later, and may
 * come again.
 *
 * Pictures keep the size that the first one had. In the memory of a GPU they are made smaller there, where they are to be,
 * and copied to the host once for all.
 *
 * Rejects with `TypeError`/`RangeError` for bad arguments, the signal's reason, `SYSTEM` when the place cannot be listened
 * at, `CHANNEL_IN_USE` when somebody does. What goes wrong later ends the tap: `closed` tells.
 */
export async function openTap(channel: string, options: TapOptions): Promise<Tap> {
  assertChannelName(channel);
  checkTapOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const tap = await Tap.open(channel, options);
  const abort = (): void => void tap.end({ reason: 'aborted' });
  signal?.addEventListener('abort', abort, { once: true });
  void tap.closed.then(() => signal?.removeEventListener('abort', abort));
  if (signal?.aborted === true) abort();
  return tap;
}
