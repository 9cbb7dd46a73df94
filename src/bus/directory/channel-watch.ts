/**
 * Channels as they come and go: compares what was told with what the directory holds now.
 *
 * Nothing is stored between two calls but that a look is due. A consumer that is slow therefore
 * gets the difference and not the history, and the memory needed is bounded by the number of
 * channels.
 */
import { SluiceError } from '../../core/index.js';
import { formatToJson } from '../../format/index.js';
import { isClaimed } from './channel-lock.js';
import { DirectoryWatch } from './directory-watch.js';
import { ManifestScan, type ScanOptions } from './manifest-scan.js';
import type { Manifest } from './manifest.js';
import type { RuntimeDirectory } from './runtime-directory.js';

/**
 * announced: the channel has a live publisher (also what is there at the start) · changed: another
 * epoch, format or instance · retired: the announcement was taken back or its publisher died;
 * `manifest` is the last one told.
 */
export interface ChannelEvent {
  readonly type: 'announced' | 'changed' | 'retired';
  readonly manifest: Manifest;
}

export interface ChannelWatchOptions extends ScanOptions {
  readonly rescanMs: number;
  readonly signal: AbortSignal | undefined;
}

type Result = IteratorResult<ChannelEvent, undefined>;

interface Consumer {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** How many calls of `next()` may be under way at once; a loop has one. */
const MAX_CONSUMERS = 64;

const DONE: Result = { done: true, value: undefined };

/**
 * Starts with the first `next()`, ends with `return()` or the signal; then every call gives done.
 */
export class ChannelWatch implements AsyncIterator<ChannelEvent, undefined> {
  readonly #directory: RuntimeDirectory;
  readonly #options: ChannelWatchOptions;
  readonly #scan: ManifestScan;
  readonly #told = new Map<string, Manifest>();
  /**
   * Manifests whose owner died: not told again, also while a successor holds the lock and has not
   * replaced them.
   */
  readonly #dead = new Map<string, Manifest>();
  readonly #unknownOwners = new Set<string>();
  readonly #consumers: Consumer[] = [];
  readonly #stop = (): void => this.#close();
  #events: ChannelEvent[] = [];
  #watch: DirectoryWatch | undefined;
  #lookDue = true;
  #lookScheduled = false;
  #closed = false;

  constructor(directory: RuntimeDirectory, pattern: string, options: ChannelWatchOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#scan = new ManifestScan(directory, pattern, options);
  }

  next(): Promise<Result> {
    if (this.#watch === undefined && !this.#closed) this.#start();
    if (this.#closed) return Promise.resolve(DONE);
    if (this.#consumers.length === MAX_CONSUMERS) {
      return Promise.reject(new RangeError(`next() was called ${MAX_CONSUMERS} times at once`));
    }
    return new Promise((resolve, reject) => {
      this.#consumers.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<Result> {
    this.#close();
    return Promise.resolve(DONE);
  }

  #start(): void {
    const { signal, rescanMs } = this.#options;
    if (signal?.aborted === true) {
      this.#close();
      return;
    }
    signal?.addEventListener('abort', this.#stop);
    this.#watch = new DirectoryWatch(this.#directory.path, rescanMs, () => {
      this.#lookDue = true;
      this.#scheduleLook();
    });
  }

  /** One look for all events of one turn: a starting publisher alone makes four. */
  #scheduleLook(): void {
    if (this.#lookScheduled) return;
    this.#lookScheduled = true;
    setImmediate(() => {
      this.#lookScheduled = false;
      this.#serve();
    });
  }

  #serve(): void {
    while (!this.#closed && this.#consumers.length > 0) {
      const event = this.#events.shift();
      if (event !== undefined) {
        this.#consumers.shift()?.resolve({ done: false, value: event });
      } else if (this.#lookDue) {
        this.#lookDue = false;
        this.#look();
      } else {
        return;
      }
    }
  }

  #look(): void {
    try {
      this.#events = this.#compare(this.#scan.scan());
    } catch (error) {
      // A directory that cannot be read for a while has not lost its channels; the next look is by
      // the timer.
      if (error instanceof SluiceError) this.#options.onProblem?.(this.#directory.path, error);
      else this.#fail(error);
    }
  }

  #compare(found: ReadonlyMap<string, Manifest>): ChannelEvent[] {
    const events: ChannelEvent[] = [];
    for (const [channel, manifest] of this.#told) {
      if (found.has(channel)) continue;
      this.#told.delete(channel);
      events.push({ type: 'retired', manifest });
    }
    for (const channels of [this.#dead, this.#unknownOwners]) {
      for (const channel of channels.keys()) if (!found.has(channel)) channels.delete(channel);
    }
    for (const [channel, manifest] of found) {
      if (this.#dead.get(channel) === manifest) continue;
      const event = this.#compareChannel(channel, manifest);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #compareChannel(channel: string, manifest: Manifest): ChannelEvent | undefined {
    const told = this.#told.get(channel);
    if (!this.#hasOwner(channel)) {
      this.#dead.set(channel, manifest);
      this.#told.delete(channel);
      return told === undefined ? undefined : { type: 'retired', manifest: told };
    }
    this.#dead.delete(channel);
    this.#told.set(channel, manifest);
    if (told === undefined) return { type: 'announced', manifest };
    return differs(told, manifest) ? { type: 'changed', manifest } : undefined;
  }

  /** An owner that cannot be asked for counts as alive; `onProblem` hears of it once. */
  #hasOwner(channel: string): boolean {
    try {
      const claimed = isClaimed(this.#directory, channel);
      this.#unknownOwners.delete(channel);
      return claimed;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      if (!this.#unknownOwners.has(channel)) {
        this.#unknownOwners.add(channel);
        this.#options.onProblem?.(this.#directory.lockPath(channel), error);
      }
      return true;
    }
  }

  #fail(error: unknown): void {
    const consumer = this.#consumers.shift();
    this.#close();
    consumer?.reject(error);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.close();
    this.#options.signal?.removeEventListener('abort', this.#stop);
    this.#events = [];
    for (const consumer of this.#consumers.splice(0)) consumer.resolve(DONE);
  }
}

function differs(a: Manifest, b: Manifest): boolean {
  if (a === b) return false;
  if (a.instance !== b.instance || a.epoch !== b.epoch) return true;
  return JSON.stringify(formatToJson(a.format)) !== JSON.stringify(formatToJson(b.format));
}
