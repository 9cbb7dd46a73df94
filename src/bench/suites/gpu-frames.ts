/** Frames in the memory of a GPU: what a publish costs the processor, and how long a hand-over takes by size. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { listDevices } from '../../gpu/index.js';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import type {
  LatencyResult,
  LatencyTask,
  SinkStats,
  SinkTask,
} from '../programs-gpu/frame-sink.js';
import type {
  CallResult,
  ChannelTask,
  PublishTask,
  StampTask,
} from '../programs-gpu/frame-source.js';
import type { GpuGiven } from '../programs-gpu/serve.js';
import { GpuChild } from './gpu-child.js';
import { Findings, type Subject } from './findings.js';
import { gpuSuite } from './gpu-suite.js';

const SUITE = 'gpu-frames';
const SUBJECT = 'sluice';
const MIB = 2 ** 20;
const CALL_BOUND_US = 15;
const FLAT_BOUND = 1.5;

/** Subscribers of a 4K NV12 channel, each in a process of its own. */
const CROWDS = [1, 4] as const;
const MOST = 4;
/** In flight, held by each of four, promised, being written. */
const PICTURE_SLOTS = 12;

interface Pace {
  readonly name: string;
  readonly pauseMs: number;
  readonly frames: number;
  readonly quickFrames: number;
}

const PACES: readonly Pace[] = [
  { name: 'back to back', pauseMs: 0, frames: 300, quickFrames: 10 },
  { name: 'all asleep', pauseMs: 4, frames: 100, quickFrames: 5 },
];

const SIZES = [
  { text: '1 MB', byteLength: MIB },
  { text: '12 MB', byteLength: 12 * MIB },
  { text: '128 MB', byteLength: 128 * MIB },
  { text: '1 GB', byteLength: 1024 * MIB },
] as const;

type Size = (typeof SIZES)[number];

/** One held, one promised, one being written. */
const SLOTS = 3;
/** A run shows that it works, with frames so much smaller. */
const QUICK_DIVISOR = 256;
/** Of a GPU's memory that the frames may take. */
const MOST_OF_MEMORY = 0.6;

const callTask = (crowd: number, { name }: Pace): string =>
  `4K NV12, publish(), ${crowd} GPU subscriber${crowd === 1 ? '' : 's'}, ${name}`;
const tailTask = (crowd: number, pace: Pace): string => `${callTask(crowd, pace)}, p99`;
const handTask = ({ text }: Size): string => `${text}: publish to receive`;
const passTask = ({ text }: Size): string =>
  `${text}: publish to the reader's stream past its wait`;
const wordsTask = ({ text }: Size): string => `${text}: words that differ, both mappings`;
const copiedTask = ({ text }: Size): string => `${text}: bytes copied`;
const FLAT = '1 GB as a multiple of 1 MB';
const FLAT_NOTE = "publish to the reader's stream past its wait";

function subjects(quick: boolean): readonly Subject[] {
  const us = { subject: SUBJECT, unit: 'us', better: 'lower' } as const;
  const one = { subject: SUBJECT, better: 'lower' } as const;
  const small = quick ? { note: `quick: 1/${QUICK_DIVISOR} of the size` } : {};
  return [
    ...CROWDS.flatMap((crowd) =>
      PACES.flatMap((pace): Subject[] => [
        { ...us, task: callTask(crowd, pace), note: 'the call alone; kernels write each frame' },
        { ...us, task: tailTask(crowd, pace) },
      ]),
    ),
    ...SIZES.flatMap((size): Subject[] => [
      { ...us, task: handTask(size), ...small },
      { ...us, task: passTask(size), ...small },
      { ...one, task: wordsTask(size), unit: 'words', ...small },
      { ...one, task: copiedTask(size), unit: 'B', ...small },
    ]),
    { ...one, task: FLAT, unit: '×', note: FLAT_NOTE },
  ];
}

const common = { suite: SUITE, subject: SUBJECT, better: 'lower' } as const;
const targets: readonly Target[] = [
  ...PACES.map((pace): Target => ({
    ...common,
    task: callTask(MOST, pace),
    text: `≤ ${CALL_BOUND_US} us`,
    bound: CALL_BOUND_US,
  })),
  { ...common, task: FLAT, text: `≤ ${FLAT_BOUND} ×`, bound: FLAT_BOUND },
  ...SIZES.flatMap((size): Target[] => [
    { ...common, task: wordsTask(size), text: 'none', bound: 0 },
    { ...common, task: copiedTask(size), text: 'none', bound: 0 },
  ]),
];

interface Children {
  readonly source: GpuChild;
  readonly sinks: readonly GpuChild[];
}

class FramesRun {
  readonly #context: BenchContext;
  readonly #findings: Findings;
  #children: Children | undefined;
  /** Channels that are open between the children that run now. */
  readonly #open = new Set<string>();

  constructor(context: BenchContext) {
    this.#context = context;
    this.#findings = new Findings(SUITE, subjects(context.quick), context);
  }

  async run(): Promise<readonly Measurement[]> {
    const { rounds, log } = this.#context;
    try {
      for (let round = 1; round <= rounds; round++) {
        log(`${SUITE}: round ${round} of ${rounds}`);
        for (const crowd of CROWDS) {
          for (const pace of PACES) {
            const tasks = [callTask(crowd, pace), tailTask(crowd, pace)];
            await this.#turn(tasks, () => this.#publish(crowd, pace));
          }
        }
        await this.#sizes();
      }
    } finally {
      await this.#stop();
    }
    return this.#findings.measurements();
  }

  async #publish(crowd: number, pace: Pace): Promise<void> {
    const { source, sinks } = await this.#started();
    const { quick } = this.#context;
    const channel = `bench/gpu-crowd-${crowd}`;
    const readers = sinks.slice(0, crowd);
    const ask = (frames: number): Promise<CallResult> =>
      source.ask('publish', {
        channel,
        frames,
        pauseMs: pace.pauseMs,
      } satisfies PublishTask);
    if (!this.#open.has(channel)) {
      const width = quick ? 320 : 3840;
      await source.ask('open', { channel, width, slots: PICTURE_SLOTS } satisfies ChannelTask);
      for (const reader of readers) {
        await reader.ask('open', { channel, kind: 'video' } satisfies SinkTask);
        await reader.ask('follow', { channel });
      }
      this.#open.add(channel);
      await ask(pace.quickFrames);
    }
    const { medianUs, p99Us } = await ask(quick ? pace.quickFrames : pace.frames);
    this.#findings.add(callTask(crowd, pace), SUBJECT, medianUs);
    this.#findings.add(tailTask(crowd, pace), SUBJECT, p99Us);
  }

  async #sizes(): Promise<void> {
    const passed = new Map<Size, number>();
    for (const size of SIZES) {
      const tasks = [handTask(size), passTask(size), wordsTask(size), copiedTask(size)];
      await this.#turn(tasks, async () => {
        passed.set(size, await this.#handOver(size));
      });
    }
    const [small, large] = [passed.get(SIZES[0]), passed.get(SIZES[3])];
    if (small !== undefined && large !== undefined) {
      this.#findings.add(FLAT, SUBJECT, large / small);
    }
  }

  async #handOver(size: Size): Promise<number> {
    const { source, sinks } = await this.#started();
    const { quick } = this.#context;
    const sink = sinks[0] as GpuChild;
    const channel = `bench/gpu-size-${size.byteLength}`;
    if (!this.#open.has(channel)) {
      const byteLength = size.byteLength / (quick ? QUICK_DIVISOR : 1);
      assertFits(size, byteLength * SLOTS);
      await source.ask('open', { channel, byteLength, slots: SLOTS } satisfies ChannelTask);
      await sink.ask('open', { channel, kind: 'tensor' } satisfies SinkTask);
      this.#open.add(channel);
    }
    const frames = quick ? 5 : 100;
    await source.ask('start', { channel });
    const task: LatencyTask = { channel, frames };
    const { inHandUs, pastWaitUs } = await sink.ask<LatencyResult>('latency', task);
    await source.ask('stop');
    const stamped: StampTask = { channel, seed: 1 + Math.floor(Math.random() * 1e6) };
    const [own, others] = [
      await source.ask<number>('stamped', stamped),
      await sink.ask<number>('check', stamped),
    ];
    const { bytesCopied } = await sink.ask<SinkStats>('stats', { channel });
    this.#findings.add(handTask(size), SUBJECT, inHandUs);
    this.#findings.add(passTask(size), SUBJECT, pastWaitUs);
    this.#findings.add(wordsTask(size), SUBJECT, own + others);
    this.#findings.add(copiedTask(size), SUBJECT, bytesCopied);
    return pastWaitUs;
  }

  async #turn(tasks: readonly string[], work: () => Promise<void>): Promise<void> {
    if (!this.#findings.isOpen(tasks[0] as string)) return;
    try {
      await work();
    } catch (error) {
      this.#findings.fail(tasks, error);
      await this.#stop();
    }
  }

  async #started(): Promise<Children> {
    if (this.#children !== undefined) return this.#children;
    const directory = mkdtempSync(join(this.#context.directory, 'gpu-'));
    const given: GpuGiven = { directory, device: 0 };
    const [source, ...sinks] = await GpuChild.startAll([
      ['frame-source.js', given],
      ...Array.from({ length: MOST }, () => ['frame-sink.js', given] as const),
    ]);
    return (this.#children = { source: source as GpuChild, sinks });
  }

  async #stop(): Promise<void> {
    const children = this.#children;
    this.#children = undefined;
    this.#open.clear();
    if (children === undefined) return;
    await Promise.all([children.source, ...children.sinks].map((child) => child.stop()));
  }
}

function assertFits({ text }: Size, byteLength: number): void {
  const { memoryBytes, name } = listDevices()[0]!;
  if (byteLength <= memoryBytes * MOST_OF_MEMORY) return;
  throw new Error(`${SLOTS} frames of ${text} are too much for ${name} (${memoryBytes} bytes)`);
}

export const gpuFrames = gpuSuite({
  name: SUITE,
  description: "frames in a GPU's memory: cost of a publish, and hand-over by size",
  targets,
  run: (context) => new FramesRun(context).run(),
});
