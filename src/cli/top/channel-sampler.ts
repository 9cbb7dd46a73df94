/**
 * Rates of channels and subscribers, from what their publishers count.
 *
 * One connection a channel stays open and is asked again and again; a rate is the difference of two
 * answers over the time between them. A publisher that is slow to answer does not hold up the others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/index.js';
import { ManifestScan, type ProblemListener } from '../../bus/directory/manifest-scan.js';
import type { Manifest } from '../../bus/directory/manifest.js';
import { type ChannelObserver, openObserver } from '../../bus/transport/observer.js';
import type { RuntimeDirectory } from '../../bus/directory/runtime-directory.js';
import { type ChannelReport, stateOfError } from '../channel-reports.js';
import { type ChannelFacts, readStats, type SubscriberFacts } from '../foreign-stats.js';

/** A subscriber and what it takes in a second. */
export interface SubscriberSample {
  readonly facts: SubscriberFacts;
  readonly receivedPerSecond: number;
  readonly inPlacePerSecond: number;
  readonly copiedPerSecond: number;
}

/** A channel and what goes through it in a second. */
export interface ChannelSample extends ChannelReport {
  readonly publishedPerSecond: number;
  readonly bytesPerSecond: number;
  readonly subscribers: readonly SubscriberSample[];
}

/** Each costs a descriptor here and a connection at its publisher. */
const MAX_OBSERVED = 256;
const ANSWER_TIMEOUT_MS = 1000;

/** How long a sample waits for answers; what comes later counts in the next one. */
const GRACE_MS = 200;

interface Answer {
  readonly timeMs: number;
  readonly facts: ChannelFacts;
}

interface Followed {
  manifest: Manifest;
  observer: ChannelObserver | undefined;
  asking: Promise<void> | undefined;
  last: Answer | undefined;
  sample: ChannelSample;
}

export class ChannelSampler {
  readonly #directory: RuntimeDirectory;
  readonly #scan: ManifestScan;
  readonly #followed = new Map<string, Followed>();
  #closed = false;

  constructor(directory: RuntimeDirectory, pattern: string, onProblem: ProblemListener) {
    this.#directory = directory;
    this.#scan = new ManifestScan(directory, pattern, { onProblem });
  }

  /** Asks every channel that matches now. The first sample has no rates but the publisher's own. */
  async sample(): Promise<readonly ChannelSample[]> {
    const manifests = this.#scan.scan();
    for (const [channel, followed] of this.#followed) {
      if (manifests.get(channel)?.instance !== followed.manifest.instance) this.#forget(channel);
    }
    const answers: Promise<void>[] = [];
    for (const [channel, manifest] of manifests) {
      const followed = this.#follow(channel, manifest);
      if (followed !== undefined) answers.push((followed.asking ??= this.#ask(followed)));
    }
    const grace = new AbortController();
    await Promise.race([
      Promise.all(answers),
      sleep(GRACE_MS, undefined, { signal: grace.signal }).catch(() => undefined),
    ]);
    grace.abort();
    return [...this.#followed.values()]
      .map(({ sample }) => sample)
      .sort((a, b) => (a.manifest.channel < b.manifest.channel ? -1 : 1));
  }

  close(): void {
    this.#closed = true;
    for (const channel of [...this.#followed.keys()]) this.#forget(channel);
  }

  #follow(channel: string, manifest: Manifest): Followed | undefined {
    const known = this.#followed.get(channel);
    if (known !== undefined) {
      known.manifest = manifest;
      return known;
    }
    if (this.#followed.size >= MAX_OBSERVED) return undefined;
    const followed: Followed = {
      manifest,
      observer: undefined,
      asking: undefined,
      last: undefined,
      sample: withoutFacts(manifest, undefined),
    };
    this.#followed.set(channel, followed);
    return followed;
  }

  #forget(channel: string): void {
    this.#followed.get(channel)?.observer?.close();
    this.#followed.delete(channel);
  }

  /** One question; never rejects but for faults of this program. */
  async #ask(followed: Followed): Promise<void> {
    try {
      const stats = await this.#answerOf(followed);
      const answer = { timeMs: performance.now(), facts: readStats(stats) };
      followed.sample = sampleOf(followed.manifest, answer, followed.last);
      followed.last = answer;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      followed.observer?.close();
      followed.observer = undefined;
      followed.last = undefined;
      followed.sample = withoutFacts(followed.manifest, error);
    } finally {
      followed.asking = undefined;
    }
  }

  async #answerOf(followed: Followed): Promise<ChannelObserver['stats']> {
    if (followed.observer !== undefined) return followed.observer.ask();
    const path = this.#directory.socketPath(followed.manifest.channel);
    const observer = await openObserver(path, {
      timeoutMs: ANSWER_TIMEOUT_MS,
      label: 'sluice top',
    });
    if (this.#closed || this.#followed.get(followed.manifest.channel) !== followed)
      observer.close();
    else followed.observer = observer;
    return observer.stats;
  }
}

function withoutFacts(manifest: Manifest, error: SluiceError | undefined): ChannelSample {
  const state = error === undefined ? 'unknown' : stateOfError(error);
  const rates = { publishedPerSecond: 0, bytesPerSecond: 0, subscribers: [] };
  return { manifest, state, facts: undefined, error, ...rates };
}

/** `before` is an answer of the same publisher, or undefined when this is the first. */
export function sampleOf(
  manifest: Manifest,
  answer: Answer,
  before: Answer | undefined,
): ChannelSample {
  const { facts } = answer;
  const seconds = before === undefined ? 0 : (answer.timeMs - before.timeMs) / 1000;
  const rate = (now: number, then: number | undefined): number =>
    then === undefined || seconds <= 0 ? 0 : Math.max(0, now - then) / seconds;
  const publisher = before?.facts.publisher;
  const publishedPerSecond =
    publisher === undefined
      ? facts.publisher.ratePerSecond
      : rate(facts.publisher.published, publisher.published);
  const earlier = new Map(before?.facts.subscribers.map((entry) => [entry.id, entry]));
  return {
    manifest,
    state: publishedPerSecond > 0 ? 'live' : 'idle',
    facts,
    error: undefined,
    publishedPerSecond,
    bytesPerSecond: rate(facts.publisher.bytes, publisher?.bytes),
    subscribers: facts.subscribers.map((entry) => {
      const then = earlier.get(entry.id);
      return {
        facts: entry,
        receivedPerSecond: rate(entry.received, then?.received),
        inPlacePerSecond: rate(entry.bytesInPlace, then?.bytesInPlace),
        copiedPerSecond: rate(entry.bytesCopied, then?.bytesCopied),
      };
    }),
  };
}
