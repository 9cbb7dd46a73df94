/** The reading end of `gpu-ring`: plain JavaScript over the ring and over frames in host memory, in place. */
import {
  bytes,
  type FrameSubscriber,
  type MessageSubscriber,
  type MessageVisitor,
  openSubscriber,
  tensors,
  type BytesFormat,
  type TensorFormat,
} from '../../index.js';
import { clockNs } from '../programs-frames/given.js';
import {
  LAST_WORD,
  PAYLOAD_CHANNEL,
  PAYLOAD_HELD,
  PAYLOAD_LAG,
  RING_CHANNEL,
  type RingGiven,
  SEED,
  SMALL_BATCH,
  SMALL_TYPE,
  stampedWord,
} from './ring-face.js';
import { nextTurn, PATIENCE_MS, serveGpu, turnsFor } from './serve.js';

/** Counts what comes for a time, blocking the thread; answered with a `RateResult`. */
export interface RateTask {
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface RateResult {
  readonly messages: number;
  readonly elapsedUs: number;
  /** Messages whose words are not what the GPU was told to write. */
  readonly wrong: number;
}

/** Spins until so many small batches have come; answered with `clockNs` at the last message of each. */
export interface ArrivalTask {
  readonly batches: number;
}

/** Frames that came since `expect`; answered when all are there. */
export interface FramesTask {
  readonly frames: number;
}

export interface FramesResult {
  /** From the first frame to the last. */
  readonly elapsedUs: number;
  readonly wrong: number;
  readonly copiedBytes: number;
}

/** Messages in one look: the cursor moves behind them, so that the writer gets room early. */
const BITE = 4096;
/** Words of a frame that are looked at. */
const SAMPLED_WORDS = 256;

class Messages {
  readonly #subscriber: MessageSubscriber<BytesFormat>;
  #view: Uint8Array | undefined;
  #words: Int32Array = new Int32Array(0);
  #wrong = 0;

  constructor(subscriber: MessageSubscriber<BytesFormat>) {
    this.#subscriber = subscriber;
    void this.#idle();
  }

  readonly #visit = (view: Uint8Array, offset: number): void => {
    if (view !== this.#view) {
      this.#view = view;
      this.#words = new Int32Array(view.buffer, view.byteOffset, view.byteLength >> 2);
    }
    const words = this.#words;
    const at = offset >> 2;
    const first = words[at] as number;
    const last = words[at + LAST_WORD] as number;
    if (((last - first) | 0) !== LAST_WORD) this.#wrong += 1;
  };

  rate({ warmUpMs, durationMs }: RateTask): RateResult {
    this.#run(performance.now() + warmUpMs);
    this.#wrong = 0;
    const startedMs = performance.now();
    const messages = this.#run(startedMs + durationMs);
    return { messages, elapsedUs: (performance.now() - startedMs) * 1000, wrong: this.#wrong };
  }

  arrivals({ batches }: ArrivalTask): readonly number[] {
    const arrivedNs: number[] = [];
    const deadlineMs = performance.now() + PATIENCE_MS;
    let messages = 0;
    const visit: MessageVisitor = (view, offset, _byteLength, type) => {
      this.#visit(view, offset);
      if (type === SMALL_TYPE) messages += 1;
    };
    while (arrivedNs.length < batches) {
      for (let i = 0; i < 256; i++) {
        if (this.#subscriber.drain(visit, SMALL_BATCH) === 0) continue;
        if (messages >= (arrivedNs.length + 1) * SMALL_BATCH) arrivedNs.push(clockNs());
        if (arrivedNs.length === batches) break;
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`${arrivedNs.length} of ${batches} batches came`);
      }
    }
    return arrivedNs;
  }

  #run(endMs: number): number {
    let messages = 0;
    do messages += this.#subscriber.drain(this.#visit, BITE);
    while (performance.now() < endMs);
    return messages;
  }

  /** Between two questions: a writer that is nobody's concern any more finds room. */
  async #idle(): Promise<void> {
    for (;;) {
      if (this.#subscriber.drain(this.#visit, BITE) > 0) await nextTurn();
      else await this.#subscriber.waitForMessages();
    }
  }
}

class Frames {
  #arrivedUs: number[] = [];
  #wrong = 0;

  constructor(private readonly subscriber: FrameSubscriber<TensorFormat>) {
    void this.#follow();
  }

  expect(): void {
    this.#arrivedUs = [];
    this.#wrong = 0;
  }

  async result({ frames }: FramesTask): Promise<FramesResult> {
    await turnsFor('frame', () => this.#arrivedUs.length >= frames || undefined);
    const elapsedUs = (this.#arrivedUs.at(-1) ?? 0) - (this.#arrivedUs[0] ?? 0);
    const { bytesCopied } = this.subscriber.stats();
    return { elapsedUs, wrong: this.#wrong, copiedBytes: bytesCopied };
  }

  async #follow(): Promise<void> {
    for await (const frame of this.subscriber) {
      const { bytes: data } = frame;
      const words = new Int32Array(data.buffer as ArrayBuffer, data.byteOffset, data.length >> 2);
      const step = Math.max(1, Math.floor(words.length / SAMPLED_WORDS));
      for (let i = 0; i < words.length; i += step) {
        if (words[i] !== stampedWord(SEED, i)) this.#wrong += 1;
      }
      this.#arrivedUs.push(performance.now() * 1000);
    }
  }
}

await serveGpu<RingGiven>(async ({ directory }) => {
  const ring = await openSubscriber(RING_CHANNEL, { format: bytes(), directory });
  const payload = await openSubscriber(PAYLOAD_CHANNEL, {
    format: tensors(),
    delivery: 'every',
    maxLag: PAYLOAD_LAG,
    maxHeld: PAYLOAD_HELD,
    directory,
  });
  const messages = new Messages(ring);
  const frames = new Frames(payload as FrameSubscriber<TensorFormat>);
  return {
    rate: (task: RateTask) => messages.rate(task),
    arrivals: (task: ArrivalTask) => messages.arrivals(task),
    expect: () => frames.expect(),
    result: (task: FramesTask) => frames.result(task),
  };
});
