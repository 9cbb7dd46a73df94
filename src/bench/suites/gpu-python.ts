/**
 * Frames in the memory of a GPU, published by Node and read by PyTorch in another process through the Python client, beside
 * `torch.multiprocessing`.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cudaProblem } from '../../gpu/index.js';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import { clockNs } from '../programs-frames/given.js';
import type { ChannelTask, StampTask } from '../programs-gpu/frame-source.js';
import { PythonProgram } from '../python-program.js';
import { Findings, type Subject } from './findings.js';
import { GpuChild } from './gpu-child.js';
import { pythonSuite } from './python-suite.js';

const SUITE = 'gpu-python';
const DEVICE = 0;
/** One held, one promised, one being written, and one more. */
const SLOTS = 4;
const COST_BOUND_US = 30;
const FLAT_BOUND = 1.5;
const PATIENCE_MS = 2000;
const DEATH_BYTES = 2 ** 20;

const SIZES = [
  { text: '640x480 (0.5 MB)', byteLength: 640 * 480 * 1.5 },
  { text: '4K (12.4 MB)', byteLength: 3840 * 2160 * 1.5 },
  { text: '8K (50 MB)', byteLength: 7680 * 4320 * 1.5 },
] as const;
type Size = (typeof SIZES)[number];

/** What is measured of a burst. */
type Mode = 'cost' | 'hand' | 'stream';
const MODES: readonly Mode[] = ['cost', 'hand', 'stream'];
const TASKS = {
  cost: ({ text }: Size): string => `${text}: what a frame costs the reader`,
  hand: ({ text }: Size): string => `${text}: publish to tensor`,
  stream: ({ text }: Size): string => `${text}: publish to the end of a kernel that reads it`,
} as const;
const copiedTask = ({ text }: Size): string => `${text}: bytes copied`;
const FLAT = '8K as a multiple of 640x480: publish to the end of a kernel that reads it';
const KNOWS = 'producer killed: until the waiting reader is told';
const CHANGED = 'producer killed: bytes that changed in the tensor that is held';

const SLUICE = 'sluice';
const FRESH = 'torch queue, fresh tensors';
const RECYCLED = 'torch queue, recycled buffers';
const RIVALS = [FRESH, RECYCLED] as const;
const ALL = [SLUICE, ...RIVALS] as const;
const NOTES: ReadonlyMap<string, string> = new Map([
  [SLUICE, 'published by Node, as_torch()'],
  [FRESH, 'written and synchronized, then put into a torch.multiprocessing queue'],
  [RECYCLED, 'handed over once; written and synchronized, then their numbers there and back'],
]);

function subjects(): readonly Subject[] {
  const of = (task: string, subject: string, unit: string): Subject => {
    const note = NOTES.get(subject);
    return { task, subject, unit, better: 'lower', ...(note === undefined ? {} : { note }) };
  };
  return [
    ...SIZES.flatMap((size) => [
      ...MODES.flatMap((mode) => ALL.map((subject) => of(TASKS[mode](size), subject, 'us'))),
      of(copiedTask(size), SLUICE, 'B'),
    ]),
    ...ALL.map((subject) => of(FLAT, subject, '×')),
    ...ALL.flatMap((subject) => [of(KNOWS, subject, 'ms'), of(CHANGED, subject, 'B')]),
  ];
}

const common = { suite: SUITE, subject: SLUICE, better: 'lower' } as const;
const targets: readonly Target[] = [
  ...SIZES.map((size): Target => ({
    ...common,
    task: TASKS.cost(size),
    text: `≤ ${COST_BOUND_US} us`,
    bound: COST_BOUND_US,
  })),
  { ...common, task: FLAT, text: `≤ ${FLAT_BOUND} ×`, bound: FLAT_BOUND },
  ...SIZES.map((size): Target => ({ ...common, task: copiedTask(size), text: 'none', bound: 0 })),
  { ...common, task: CHANGED, text: 'none', bound: 0 },
];

/** What a reader saw of a death. */
interface Death {
  readonly saw: string | null;
  readonly at_ns: number;
  readonly killed_ns: number;
  readonly changed: number;
}

class PythonRun {
  readonly #context: BenchContext;
  readonly #python: string;
  readonly #directory: string;
  readonly #findings: Findings;
  readonly #saw = new Map<string, Set<string>>();

  constructor(context: BenchContext, python: string) {
    this.#context = context;
    this.#python = python;
    this.#directory = join(context.directory, SUITE);
    this.#findings = new Findings(SUITE, subjects(), context);
  }

  async run(): Promise<readonly Measurement[]> {
    mkdirSync(this.#directory, { mode: 0o700 });
    await this.#frames();
    for (let round = 1; round <= this.#context.rounds; round++) {
      for (const subject of ALL) {
        await this.#attempt([KNOWS, CHANGED], subject, () => this.#death(subject, round));
      }
    }
    return this.#findings.measurements().map((measurement) => this.#withWhatWasSeen(measurement));
  }

  async #frames(): Promise<void> {
    const { rounds, log } = this.#context;
    const given = { directory: this.#directory, device: DEVICE };
    const source = await GpuChild.start('frame-source.js', given);
    const programs: PythonProgram[] = [];
    try {
      for (const name of ['torch_reader.py', 'torch_rival.py']) {
        programs.push(await PythonProgram.start(this.#python, name, given));
      }
      const [reader, rival] = programs as [PythonProgram, PythonProgram];
      for (const size of SIZES) {
        const channel = channelOf(size);
        const { byteLength } = size;
        await source.ask('open', { channel, byteLength, slots: SLOTS } satisfies ChannelTask);
        await reader.ask('open', { ...given, channel });
      }
      for (let round = 1; round <= rounds; round++) {
        log(`${SUITE}: round ${round} of ${rounds}`);
        for (const subject of ALL) {
          const tasks = [...SIZES.flatMap((size) => MODES.map((mode) => TASKS[mode](size))), FLAT];
          await this.#attempt(tasks, subject, () => this.#bursts(source, reader, rival, subject));
        }
      }
      await rival.ask('close');
    } finally {
      await Promise.all([source, ...programs].map((program) => program.stop()));
    }
  }

  /** All sizes of one subject. */
  async #bursts(
    source: GpuChild,
    reader: PythonProgram,
    rival: PythonProgram,
    subject: string,
  ): Promise<void> {
    const count = this.#context.quick ? 5 : 100;
    const pastUs: number[] = [];
    for (const size of SIZES) {
      const channel = channelOf(size);
      for (const mode of MODES) {
        const value =
          subject === SLUICE
            ? await this.#fromNode(source, reader, channel, count, mode)
            : await rival.ask<number>('burst', {
                way: subject,
                byte_length: size.byteLength,
                count,
                mode,
              });
        this.#findings.add(TASKS[mode](size), subject, value);
        if (mode === 'stream') pastUs.push(value);
      }
      if (subject !== SLUICE) continue;
      const stats = await reader.ask<{ bytes_copied: number }>('stats', { channel });
      this.#findings.add(copiedTask(size), SLUICE, stats.bytes_copied);
    }
    this.#findings.add(FLAT, subject, (pastUs.at(-1) ?? Number.NaN) / (pastUs[0] ?? Number.NaN));
  }

  async #fromNode(
    source: GpuChild,
    reader: PythonProgram,
    channel: string,
    count: number,
    mode: Mode,
  ): Promise<number> {
    await source.ask('start', { channel });
    try {
      return await reader.ask<number>('burst', { channel, count, mode });
    } finally {
      await source.ask('stop');
    }
  }

  /** In processes of its own: what a death does to a process must not touch what is measured next. */
  async #death(subject: string, round: number): Promise<void> {
    const patience_ms = this.#context.quick ? 300 : PATIENCE_MS;
    const given = { directory: this.#directory, device: DEVICE };
    const name = subject === SLUICE ? 'torch_reader.py' : 'torch_rival.py';
    const program = await PythonProgram.start(this.#python, name, given);
    try {
      const death =
        subject === SLUICE
          ? await this.#dieBySluice(program, `bench/gpu-death-${round}`, patience_ms)
          : await program.ask<Death>('death', {
              way: subject,
              byte_length: DEATH_BYTES,
              patience_ms,
            });
      this.#findings.add(KNOWS, subject, (death.at_ns - death.killed_ns) / 1e6);
      this.#findings.add(CHANGED, subject, death.changed);
      const saw = this.#saw.get(subject) ?? new Set();
      this.#saw.set(subject, saw.add(death.saw ?? 'nothing: it waits on'));
    } finally {
      await program.stop();
    }
  }

  async #dieBySluice(program: PythonProgram, channel: string, patience_ms: number): Promise<Death> {
    const given = { directory: this.#directory, device: DEVICE };
    const source = await GpuChild.start('frame-source.js', given);
    try {
      const task: ChannelTask = { channel, byteLength: DEATH_BYTES, slots: SLOTS };
      await source.ask('open', task);
      await source.ask('stamped', { channel, seed: 1 } satisfies StampTask);
      await program.ask('hold', { directory: this.#directory, channel });
      const killed_ns = clockNs();
      await source.stop();
      return { ...(await program.ask<Death>('seen', { channel, patience_ms })), killed_ns };
    } finally {
      await source.stop();
    }
  }

  async #attempt(
    tasks: readonly string[],
    subject: string,
    work: () => Promise<void>,
  ): Promise<void> {
    if (!this.#findings.isOpen(tasks[0] as string, subject)) return;
    try {
      await work();
    } catch (error) {
      this.#findings.fail(tasks, error, subject);
    }
  }

  #withWhatWasSeen(measurement: Measurement): Measurement {
    const saw = this.#saw.get(measurement.subject);
    if (measurement.task !== KNOWS || saw === undefined) return measurement;
    return { ...measurement, note: `sees ${[...saw].join(', ')}` };
  }
}

const channelOf = ({ byteLength }: Size): string => `bench/gpu-python-${byteLength}`;

export const gpuPython = pythonSuite({
  name: SUITE,
  description: "frames in a GPU's memory read by PyTorch, beside torch.multiprocessing",
  targets,
  modules: ['torch'],
  missing: () => cudaProblem()?.message,
  run: (context, python) => new PythonRun(context, python).run(),
});
