/** From kernels to the JavaScript of another process: small messages by a ring, large frames by pinned host memory. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchContext, type Measurement, median, type Target } from '../measurement.js';
import {
  type Filler,
  MESSAGE_BYTES,
  type RingGiven,
  SMALL_BATCH,
} from '../programs-gpu/ring-face.js';
import type {
  ArrivalTask,
  FramesResult,
  FramesTask,
  RateResult,
  RateTask,
} from '../programs-gpu/ring-reader.js';
import type {
  ContextsFrom,
  PayloadTask,
  SmallTask,
  StreamTask,
} from '../programs-gpu/ring-writer.js';
import { GpuChild } from './gpu-child.js';
import { Findings, type Subject } from './findings.js';
import { gpuSuite } from './gpu-suite.js';

const SUITE = 'gpu-ring';
const RATE = `${MESSAGE_BYTES} B from a kernel to another process`;
const BYTES = `${RATE}, payload`;
const SMALL = `batch of ${SMALL_BATCH}, launch to consumed`;
const SMALL_P99 = `${SMALL}, p99`;
const FRAMES = 'frames of 16 MiB from the GPU to another process';
const WRONG = 'messages and frames that are not as the GPU wrote them';
const PLAIN = 'plain device-to-host copy';
const PLAIN_SHARE = 0.8;

const MESSAGE_WAYS: readonly { readonly subject: string; readonly contexts: ContextsFrom }[] = [
  { subject: 'sluice', contexts: 'device' },
  { subject: 'sluice, contexts from JavaScript', contexts: 'JavaScript' },
];
const FRAME_WAYS: readonly { readonly subject: string; readonly by: Filler }[] = [
  { subject: 'sluice', by: 'copy engine' },
  { subject: 'sluice, written by a kernel', by: 'kernel' },
];

const subjects: readonly Subject[] = [
  ...MESSAGE_WAYS.flatMap(({ subject }): Subject[] => [
    { task: RATE, subject, unit: 'M/s', better: 'higher', note: 'read in place by drain()' },
    { task: BYTES, subject, unit: 'GB/s', better: 'higher' },
  ]),
  { task: SMALL, subject: 'sluice', unit: 'us', better: 'lower', note: 'the consumer spins' },
  { task: SMALL_P99, subject: 'sluice', unit: 'us', better: 'lower' },
  ...FRAME_WAYS.map(({ subject, by }): Subject => ({
    task: FRAMES,
    subject,
    unit: 'GB/s',
    better: 'higher',
    note: `filled by the ${by}, in place`,
  })),
  { task: FRAMES, subject: PLAIN, unit: 'GB/s', better: 'higher', note: 'into the same slots' },
  { task: WRONG, subject: 'sluice', unit: 'units', better: 'lower' },
];

const common = { suite: SUITE, subject: 'sluice' } as const;
const targets: readonly Target[] = [
  { ...common, task: RATE, text: '≥ 20 M/s', bound: 20, better: 'higher' },
  { ...common, task: BYTES, text: '≥ 4.8 GB/s', bound: 4.8, better: 'higher' },
  { ...common, task: SMALL, text: '≤ 10 us', bound: 10, better: 'lower' },
  ...FRAME_WAYS.map(({ subject }): Target => ({
    suite: SUITE,
    task: FRAMES,
    subject,
    text: `≥ ${PLAIN_SHARE} × ${PLAIN}`,
    bound: PLAIN_SHARE,
    of: PLAIN,
    better: 'higher',
  })),
  { ...common, task: WRONG, text: 'none', bound: 0, better: 'lower' },
];

class RingRun {
  readonly #context: BenchContext;
  readonly #findings: Findings;
  readonly #frameBytes: number;
  #children: readonly [writer: GpuChild, reader: GpuChild] | undefined;
  #wrong = 0;

  constructor(context: BenchContext) {
    this.#context = context;
    this.#frameBytes = context.quick ? 2 ** 18 : 2 ** 24;
    const notes = context.quick
      ? subjects.map((of) => (of.task === FRAMES ? { ...of, note: 'quick: 256 KiB each' } : of))
      : subjects;
    this.#findings = new Findings(SUITE, notes, context);
  }

  async run(): Promise<readonly Measurement[]> {
    const { rounds, log } = this.#context;
    try {
      // A round that does not count: code is compiled, and what the driver does once is done.
      for (let round = 0; round <= rounds; round++) {
        if (round > 0) log(`${SUITE}: round ${round} of ${rounds}`);
        const counts = round > 0;
        this.#wrong = 0;
        for (const way of MESSAGE_WAYS) {
          await this.#turn([RATE, BYTES], way.subject, () => this.#rate(way, counts));
        }
        await this.#turn([SMALL, SMALL_P99], 'sluice', () => this.#small(counts));
        for (const way of FRAME_WAYS) {
          await this.#turn([FRAMES], way.subject, () => this.#frames(way, counts));
        }
        await this.#turn([FRAMES], PLAIN, () => this.#plain(counts));
        if (counts) this.#findings.add(WRONG, 'sluice', this.#wrong);
      }
    } finally {
      await this.#stop();
    }
    return this.#findings.measurements();
  }

  async #turn(tasks: readonly string[], subject: string, work: () => Promise<void>): Promise<void> {
    if (!this.#findings.isOpen(tasks[0] as string, subject)) return;
    try {
      await work();
    } catch (error) {
      this.#findings.fail(tasks, error, subject);
      await this.#stop();
    }
  }

  async #rate(way: (typeof MESSAGE_WAYS)[number], counts: boolean): Promise<void> {
    const [writer, reader] = await this.#started();
    const { subject, contexts } = way;
    const [warmUpMs, durationMs] = this.#context.quick ? [30, 60] : [150, 500];
    const task: RateTask = { warmUpMs, durationMs };
    // The writer outlasts the reader's count.
    const written = writer.ask('stream', {
      contexts,
      durationMs: warmUpMs + durationMs + 100,
    } satisfies StreamTask);
    const [{ messages, elapsedUs, wrong }] = await Promise.all([
      reader.ask<RateResult>('rate', task),
      written,
    ]);
    this.#wrong += wrong;
    if (!counts) return;
    this.#findings.add(RATE, subject, messages / elapsedUs);
    this.#findings.add(BYTES, subject, (messages * MESSAGE_BYTES) / elapsedUs / 1000);
  }

  async #small(counts: boolean): Promise<void> {
    const [writer, reader] = await this.#started();
    const task: ArrivalTask & SmallTask = { batches: this.#context.quick || !counts ? 20 : 500 };
    const [arrivedNs, launchedNs] = await Promise.all([
      reader.ask<readonly number[]>('arrivals', task),
      writer.ask<readonly number[]>('small', task),
    ]);
    const timesUs = launchedNs
      .map((ns, batch) => ((arrivedNs[batch] ?? Number.NaN) - ns) / 1000)
      .sort((a, b) => a - b);
    if (!counts) return;
    this.#findings.add(SMALL, 'sluice', median(timesUs));
    const p99 = timesUs[Math.floor(0.99 * (timesUs.length - 1))];
    this.#findings.add(SMALL_P99, 'sluice', p99 ?? Number.NaN);
  }

  async #frames({ subject, by }: (typeof FRAME_WAYS)[number], counts: boolean): Promise<void> {
    const [writer, reader] = await this.#started();
    const frames = this.#context.quick || !counts ? 20 : 600;
    await reader.ask('expect');
    const [{ elapsedUs, wrong }] = await Promise.all([
      reader.ask<FramesResult>('result', { frames } satisfies FramesTask),
      writer.ask('frames', { by, frames } satisfies PayloadTask),
    ]);
    this.#wrong += wrong;
    if (!counts) return;
    this.#findings.add(FRAMES, subject, ((frames - 1) * this.#frameBytes) / elapsedUs / 1000);
  }

  async #plain(counts: boolean): Promise<void> {
    const [writer] = await this.#started();
    const value = await writer.ask<number>('plain');
    if (counts) this.#findings.add(FRAMES, PLAIN, value);
  }

  async #started(): Promise<readonly [GpuChild, GpuChild]> {
    if (this.#children !== undefined) return this.#children;
    const given: RingGiven = {
      directory: mkdtempSync(join(this.#context.directory, 'ring-')),
      device: 0,
      slots: this.#context.quick ? 4096 : 65_536,
      frameBytes: this.#frameBytes,
    };
    const [writer, reader] = await GpuChild.startAll([
      ['ring-writer.js', given],
      ['ring-reader.js', given],
    ]);
    return (this.#children = [writer as GpuChild, reader as GpuChild]);
  }

  async #stop(): Promise<void> {
    const children = this.#children ?? [];
    this.#children = undefined;
    await Promise.all(children.map((child) => child.stop()));
  }
}

export const gpuRing = gpuSuite({
  name: SUITE,
  description: 'messages and frames from kernels to the JavaScript of another process',
  targets,
  run: (context) => new RingRun(context).run(),
});
