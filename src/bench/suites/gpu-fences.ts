/**
 * A frame from the GPU work of one process to that of another and back: by fences that the streams store and wait for,
 * and by what others do. All of it again while a third process keeps the GPU busy.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import type { GpuGiven } from '../programs-gpu/serve.js';
import type { EchoTask } from '../programs-gpu/trip-pong.js';
import type { TripGiven } from '../programs-gpu/trip-face.js';
import type { TripTask } from '../programs-gpu/trip-ping.js';
import { GpuChild } from './gpu-child.js';
import { Findings, type Subject } from './findings.js';
import { gpuSuite } from './gpu-suite.js';

const SUITE = 'gpu-fences';
const BOUND_US = 12;
const QUIET = 'round trip between two processes';
const BUSY = 'round trip, a third process keeps the GPU busy';
const TASKS = [QUIET, BUSY] as const;

interface Way {
  readonly subject: string;
  readonly way: EchoTask['way'];
  readonly note: string;
}

/** In the order of their turns. */
const WAYS: readonly Way[] = [
  {
    subject: 'sluice',
    way: 'fences',
    note: "fences alone, 64 trips enqueued ahead: the GPU's clock",
  },
  {
    subject: 'sluice, publish to receive',
    way: 'frames',
    note: 'nothing enqueued ahead, both processes spin, until the fence is seen',
  },
  {
    subject: 'stream synchronize + unix socket',
    way: 'socket',
    note: 'each end blocks in cuStreamSynchronize, then sends a byte',
  },
  {
    subject: 'device to host to device copy',
    way: 'copies',
    note: '4K NV12 through channels in pinned host memory, both processes spin',
  },
];

const targets: readonly Target[] = [
  {
    suite: SUITE,
    task: QUIET,
    subject: 'sluice',
    text: `≤ ${BOUND_US} us`,
    bound: BOUND_US,
    better: 'lower',
  },
];

class FencesRun {
  readonly #context: BenchContext;
  readonly #findings: Findings;
  /** ping, pong and competitor, while all of them are well. */
  #children: readonly [GpuChild, GpuChild, GpuChild] | undefined;

  constructor(context: BenchContext) {
    this.#context = context;
    const subjects = TASKS.flatMap((task) =>
      WAYS.map(({ subject, note }): Subject => ({
        task,
        subject,
        unit: 'us',
        better: 'lower',
        note: context.quick && subject.startsWith('device') ? `quick: small frames; ${note}` : note,
      })),
    );
    this.#findings = new Findings(SUITE, subjects, context);
  }

  async run(): Promise<readonly Measurement[]> {
    const { rounds, log } = this.#context;
    try {
      // A round that does not count: code is compiled, and what the driver does once is done.
      for (let round = 0; round <= rounds; round++) {
        if (round > 0) log(`${SUITE}: round ${round} of ${rounds}`);
        for (const task of TASKS) {
          for (const way of WAYS) await this.#turn(task, way, round > 0);
        }
      }
    } finally {
      await this.#stop();
    }
    return this.#findings.measurements();
  }

  async #turn(task: string, { subject, way }: Way, counts: boolean): Promise<void> {
    if (!this.#findings.isOpen(task, subject)) return;
    try {
      const [ping, pong, competitor] = (this.#children ??= await this.#start());
      if (task === BUSY) await competitor.ask('start');
      await pong.ask('start', { way } satisfies EchoTask);
      const durationMs = this.#context.quick || !counts ? 30 : 350;
      const valueUs = await ping.ask<number>(way, { durationMs } satisfies TripTask);
      await pong.ask('stop');
      if (task === BUSY) await competitor.ask('stop');
      if (counts) this.#findings.add(task, subject, valueUs);
    } catch (error) {
      this.#findings.fail([task], error, subject);
      await this.#stop();
    }
  }

  async #start(): Promise<readonly [GpuChild, GpuChild, GpuChild]> {
    const { quick } = this.#context;
    // One each time: what killed programs leave behind is in nobody's way.
    const directory = mkdtempSync(join(this.#context.directory, 'fences-'));
    const common = { directory, device: 0, width: quick ? 320 : 3840 };
    const [ping, pong, competitor] = await GpuChild.startAll<GpuGiven | TripGiven>([
      ['trip-ping.js', { ...common, end: 'ping' }],
      ['trip-pong.js', { ...common, end: 'pong' }],
      ['competitor.js', common],
    ]);
    return [ping as GpuChild, pong as GpuChild, competitor as GpuChild];
  }

  async #stop(): Promise<void> {
    const children = this.#children ?? [];
    this.#children = undefined;
    await Promise.all(children.map((child) => child.stop()));
  }
}

export const gpuFences = gpuSuite({
  name: SUITE,
  description: 'a frame from GPU work in one process to GPU work in another and back',
  targets,
  run: (context) => new FencesRun(context).run(),
});
