/** What `sluice pub` says of its publisher, whatever it publishes. */
import type { PublisherStats } from '../../bus/endpoint.js';
import type { Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

/** What is the same for pictures and messages, of a publisher. */
export interface Publishing {
  readonly channel: string;
  readonly manifest: { readonly instance: string };
  demand(options: {
    readonly signal: AbortSignal;
  }): AsyncIterable<{ readonly subscribers: number }>;
  stats(): PublisherStats;
  close(): Promise<void>;
}

export interface Announcement {
  readonly unit: 'picture' | 'message';
  /** Where input and output are a terminal. */
  readonly prompt?: boolean;
  /** Wait for so many. */
  readonly subscribers?: number;
}

/** What is said of a publisher at its beginning and end. */
export class Publication {
  readonly #run: Run;
  readonly #publisher: Publishing;
  readonly #options: Announcement;
  readonly #counter: SubscriberCounter;

  constructor(run: Run, publisher: Publishing, options: Announcement) {
    this.#run = run;
    this.#publisher = publisher;
    this.#options = options;
    this.#counter = new SubscriberCounter(publisher, run.signal);
  }

  /** Waits for as many subscribers as are wanted, or the end of the run. */
  async begin(): Promise<void> {
    const { channel, manifest } = this.#publisher;
    const run = this.#run;
    if (run.json) run.print(safeJson({ event: 'open', channel, instance: manifest.instance }));
    if (process.stdin.isTTY === true) {
      const hasPrompt = this.#options.prompt === true && process.stdout.isTTY && !run.json;
      const how = hasPrompt ? 'what you type, /help says more' : 'line by line';
      run.note(`publishing ${channel}: ${how}; Ctrl-D ends it`);
    }
    const { subscribers } = this.#options;
    if (subscribers !== undefined) await this.#counter.reach(subscribers);
  }

  report(units: number): void {
    const run = this.#run;
    const { channel } = this.#publisher;
    const { bytes: byteLength, dropped } = this.#publisher.stats();
    const seen = this.#counter.most;
    if (run.json) {
      run.print(safeJson({ event: 'end', channel, sent: units, bytes: byteLength, dropped }));
    }
    const what = plural(units, this.#options.unit);
    const lost = dropped === 0 ? '' : `, ${dropped} dropped`;
    const size = byteLength === 0 ? '' : `, ${formatBytes(byteLength)}`;
    run.note(`sent ${what}${size}${lost}, to ${plural(seen, 'subscriber')}`);
    if (seen === 0 && units > 0) {
      run.note('nobody was subscribed; --subscribers 1 waits for the first');
    }
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }
}

/** Follows how many subscribers there are. */
class SubscriberCounter {
  most = 0;
  #onChange: (() => void) | undefined;
  readonly #signal: AbortSignal;

  constructor(publisher: Publishing, signal: AbortSignal) {
    this.#signal = signal;
    void this.#follow(publisher);
  }

  /** Resolves when there have been `count` at once, or when the run ends. */
  async reach(count: number): Promise<void> {
    while (this.most < count && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
        this.#signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async #follow(publisher: Publishing): Promise<void> {
    for await (const { subscribers } of publisher.demand({ signal: this.#signal })) {
      this.most = Math.max(this.most, subscribers);
      this.#onChange?.();
    }
  }
}
