/**
 * Looks at a channel without taking part: its manifest and its statistics. Over `node:net` and without FFI, because
 * `sluice ls` asks many channels and must start quickly.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { printable, SluiceError } from '../../core/index.js';
import {
  encodeFrame,
  errorOfBody,
  FrameReader,
  FrameType,
  frameTypeName,
  isObserverWelcome,
  parseServerFrame,
  PROTOCOL_VERSION,
  type JsonObject,
  type ObserverWelcome,
  type ServerFrame,
  type Stats,
} from '../../layout/handshake.js';
import {
  asksToRetry,
  connectFailure,
  endedUnanswered,
  isBusy,
  noAnswer,
  retryDelayMs,
} from './handshake-failure.js';

export interface ObserveOptions {
  /** For each answer, connecting and retries included. Default 1000. */
  readonly timeoutMs?: number;
  /** What the publisher may show of this observer. */
  readonly label?: string;
}

/** A connection that can ask for statistics again and again. */
export interface ChannelObserver {
  /** Foreign: validate before use. */
  readonly manifest: JsonObject;
  /** The newest known. Foreign inside: make text printable before showing it. */
  readonly stats: Stats;
  /** Whether the connection is over; a question then throws. */
  readonly ended: boolean;
  /** Asks for new statistics; questions at the same time share one answer. Throws as `openObserver`, and CLOSED. */
  ask(): Promise<Stats>;
  /** Idempotent. A question under way rejects with CLOSED. */
  close(): void;
}

/** sizeof sun_path less the final NUL, unix(7): Node cuts longer paths silently. */
const MAX_SOCKET_PATH_BYTES = 107;
const DEFAULT_TIMEOUT_MS = 1000;

/** The manifest and statistics of a channel, by one short connection. Throws as {@link openObserver}. */
export async function observeChannel(
  path: string,
  options: ObserveOptions = {},
): Promise<{ readonly manifest: JsonObject; readonly stats: Stats }> {
  const observer = await openObserver(path, options);
  observer.close();
  return { manifest: observer.manifest, stats: observer.stats };
}

/**
 * Connects to a publisher's socket as an observer.
 * Throws SluiceError CHANNEL_NOT_FOUND, ACCESS_DENIED, NO_ANSWER, PROTOCOL, or what the publisher refused with.
 */
export async function openObserver(
  path: string,
  options: ObserveOptions = {},
): Promise<ChannelObserver> {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || bytes > MAX_SOCKET_PATH_BYTES) {
    throw new RangeError(
      `a socket path must have 1 to ${MAX_SOCKET_PATH_BYTES} bytes, got ${bytes}`,
    );
  }
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadlineMs = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    const session = new ObserverSession(path, timeoutMs);
    try {
      await session.greet(options.label ?? '', Math.max(0, deadlineMs - performance.now()));
      return session;
    } catch (error) {
      session.close();
      const busy = error instanceof SluiceError && isBusy(error.details['code']);
      if (!busy && !asksToRetry(error)) throw error;
    }
    const waitMs = Math.min(retryDelayMs(attempt), deadlineMs - performance.now());
    if (waitMs <= 0) throw noAnswer(path, timeoutMs, false);
    await sleep(waitMs);
  }
}

interface Question {
  readonly promise: Promise<ServerFrame>;
  resolve(frame: ServerFrame): void;
  reject(error: SluiceError): void;
}

class ObserverSession implements ChannelObserver {
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  #welcome: ObserverWelcome | undefined;
  #stats: Stats | undefined;
  /** At most one is under way. */
  #question: Question | undefined;
  #answer: Promise<Stats> | undefined;
  #failure: SluiceError | undefined;

  constructor(path: string, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#socket = connect(path);
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    this.#socket.on('data', (bytes) => this.#onData(bytes));
    this.#socket.on('close', () => this.#fail(endedUnanswered(path)));
  }

  get manifest(): JsonObject {
    return this.#welcomed().manifest;
  }

  get stats(): Stats {
    return this.#stats ?? this.#welcomed().stats;
  }

  get ended(): boolean {
    return this.#failure !== undefined;
  }

  async greet(label: string, timeoutMs: number): Promise<void> {
    const hello = { protocol: PROTOCOL_VERSION, role: 'observer', label };
    const frame = await this.#request(encodeFrame(FrameType.HELLO, hello), timeoutMs);
    if (frame.type !== FrameType.WELCOME || !isObserverWelcome(frame.body)) {
      throw this.#unexpected(frame);
    }
    this.#welcome = frame.body;
  }

  ask(): Promise<Stats> {
    this.#answer ??= this.#askNow().finally(() => {
      this.#answer = undefined;
    });
    return this.#answer;
  }

  close(): void {
    this.#fail(new SluiceError('CLOSED', `the observer of ${printable(this.#path)} is closed`));
  }

  async #askNow(): Promise<Stats> {
    const frame = await this.#request(encodeFrame(FrameType.STATS), this.#timeoutMs);
    if (frame.type !== FrameType.STATS) throw this.#unexpected(frame);
    this.#stats = frame.body;
    return frame.body;
  }

  async #request(frame: Uint8Array, timeoutMs: number): Promise<ServerFrame> {
    if (this.#failure !== undefined) throw this.#failure;
    const question = newQuestion();
    this.#question = question;
    this.#socket.write(frame);
    const timer = setTimeout(() => {
      // Timers run before what has arrived is read: one turn of reading first.
      setImmediate(() => question.reject(noAnswer(this.#path, timeoutMs, true)));
    }, timeoutMs);
    try {
      return await question.promise;
    } catch (error) {
      // An answer that comes too late must not be taken for the next one.
      if (error instanceof SluiceError) this.#fail(error);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#question = undefined;
    }
  }

  #onData(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes, 0, bytes.length, (type, body) => {
        this.#onFrame(parseServerFrame(type, body));
        return this.#failure === undefined;
      });
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#fail(error);
    }
  }

  #onFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case FrameType.ERROR:
        return this.#fail(errorOfBody(frame.body, `the publisher at ${printable(this.#path)}: `));
      case FrameType.BYE:
        return this.#fail(endedUnanswered(this.#path));
      case FrameType.WAKE:
        return;
      default:
        this.#question?.resolve(frame);
        this.#question = undefined;
    }
  }

  #onError(error: NodeJS.ErrnoException): void {
    // The peer closed while something was under way: 'close' and what was read before it tell more.
    if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return;
    this.#fail(connectFailure(this.#path, error.code ?? 'UNKNOWN', error));
  }

  /** Ends the connection; the first failure counts. */
  #fail(error: SluiceError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#question?.reject(error);
  }

  #unexpected(frame: ServerFrame): SluiceError {
    const who = `the publisher at ${printable(this.#path)}`;
    const error = new SluiceError('PROTOCOL', `${who} answered with ${frameTypeName(frame.type)}`);
    this.#fail(error);
    return error;
  }

  #welcomed(): ObserverWelcome {
    if (this.#welcome === undefined) throw new TypeError('the observer was not welcomed yet');
    return this.#welcome;
  }
}

function newQuestion(): Question {
  let resolve: Question['resolve'] = () => {};
  let reject: Question['reject'] = () => {};
  const promise = new Promise<ServerFrame>((onAnswer, onFailure) => {
    resolve = onAnswer;
    reject = onFailure;
  });
  return { promise, resolve, reject };
}
