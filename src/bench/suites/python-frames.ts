/**
 * Frames to and from the Python client, beside what a Python program would do instead. The client hands over a place,
 * so that the size should not matter.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type FramePublisher, openPublisher, video, type VideoFormat } from '../../index.js';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import { median } from '../measurement.js';
import type { Burst, BurstResult, ReaderGiven } from '../programs-frames/frame-reader.js';
import { clockNs } from '../programs-frames/given.js';
import { PythonProgram } from '../python-program.js';
import { Findings, type Subject } from './findings.js';
import { pythonSuite } from './python-suite.js';

const SUITE = 'python-frames';
const NODE_READER = new URL('../programs-frames/frame-reader.js', import.meta.url);
const SLOTS = 4;
/** Long enough for a reader to fall asleep between two frames. */
const PAUSE_MS = 1;
/** Of a busy stream: the same for all subjects, and short enough that a reader does not sleep. */
const BUSY_PAUSE_US = 200;
const WARM_UP_FRAMES = 5;
/** Of larger frames the others need long enough that few will do. */
const LARGE_BYTES = 4e6;
const COST_BOUND_US = 30;
const FLAT_BOUND = 1.5;

/** NV12. */
const SIZES = [
  { text: '640x480 (0.5 MB)', width: 640, height: 480 },
  { text: '4K (12.4 MB)', width: 3840, height: 2160 },
  { text: '8K (50 MB)', width: 7680, height: 4320 },
] as const;
type Size = (typeof SIZES)[number];

const SLUICE = 'sluice';
const FROM_PYTHON = 'sluice, from Python';
const TO_NODE = 'sluice, Python to Node';
const RIVALS = [
  { subject: 'shared_memory + Queue', note: 'a new block a frame, the frame copied into it' },
  { subject: 'ring of shared blocks + Pipe', note: 'written in place, its number there and back' },
  { subject: 'Pipe bytes', note: 'the bytes are in the receiver' },
  { subject: 'pyzmq', note: 'PUSH and PULL over ipc://; cost without its I/O thread' },
] as const;
const NOTES: ReadonlyMap<string, string> = new Map<string, string>([
  [SLUICE, 'published by Node; in place: reading comes on top'],
  [FROM_PYTHON, 'published by Python'],
  [TO_NODE, 'published by Python, read by Node'],
  ...RIVALS.map(({ subject, note }) => [subject, note] as const),
]);

/**
 * `busy`: the next frame is there when the reader looks; the others: it looks all the time, or sleeps, until one comes.
 */
type Mode = 'busy' | 'awake' | 'asleep';
const MODES: readonly Mode[] = ['busy', 'awake', 'asleep'];

const costTask = ({ text }: Size): string => `${text}: what a frame costs the reader`;
const awakeTask = ({ text }: Size): string => `${text}: publish to array, awake`;
const asleepTask = ({ text }: Size): string => `${text}: publish to array, asleep`;
const TASKS = { busy: costTask, awake: awakeTask, asleep: asleepTask } as const;
const loanTask = ({ text }: Size): string => `${text}: what a frame costs a publisher in Python`;
const copiedTask = ({ text }: Size): string => `${text}: bytes copied a frame`;
const FLAT_COST = '8K as a multiple of 640x480: what a frame costs the reader';
const FLAT_ASLEEP = '8K as a multiple of 640x480: publish to array, asleep';

function subjects(): readonly Subject[] {
  const of = (task: string, subject: string, unit: string): Subject => {
    const note = NOTES.get(subject);
    return { task, subject, unit, better: 'lower', ...(note === undefined ? {} : { note }) };
  };
  const rivals = RIVALS.map(({ subject }) => subject);
  return [
    ...SIZES.flatMap((size) => [
      ...[SLUICE, FROM_PYTHON, ...rivals].map((who) => of(costTask(size), who, 'us')),
      ...[SLUICE, FROM_PYTHON, TO_NODE, ...rivals].flatMap((who) => [
        of(awakeTask(size), who, 'us'),
        of(asleepTask(size), who, 'us'),
      ]),
      of(loanTask(size), FROM_PYTHON, 'us'),
      of(copiedTask(size), SLUICE, 'B'),
    ]),
    ...[FLAT_COST, FLAT_ASLEEP].flatMap((task) =>
      [SLUICE, ...rivals].map((who): Subject => ({
        task,
        subject: who,
        unit: '×',
        better: 'lower',
      })),
    ),
  ];
}

const common = { suite: SUITE, subject: SLUICE, better: 'lower' } as const;
const targets: readonly Target[] = [
  ...SIZES.map((size): Target => ({
    ...common,
    task: costTask(size),
    text: `≤ ${COST_BOUND_US} us`,
    bound: COST_BOUND_US,
  })),
  ...[FLAT_COST, FLAT_ASLEEP].map((task): Target => ({
    ...common,
    task,
    text: `≤ ${FLAT_BOUND} ×`,
    bound: FLAT_BOUND,
  })),
  ...SIZES.map((size): Target => ({ ...common, task: copiedTask(size), text: 'none', bound: 0 })),
];

interface Programs {
  readonly reader: PythonProgram;
  readonly writer: PythonProgram;
  readonly rival: PythonProgram;
  readonly node: ChildProgram;
}

class FramesRun {
  readonly #context: BenchContext;
  readonly #directory: string;
  readonly #findings: Findings;
  readonly #publishers = new Map<Size, FramePublisher<VideoFormat>>();

  constructor(context: BenchContext) {
    this.#context = context;
    this.#directory = join(context.directory, SUITE);
    this.#findings = new Findings(SUITE, subjects(), context);
  }

  async run(python: string): Promise<readonly Measurement[]> {
    const { rounds, log } = this.#context;
    mkdirSync(this.#directory, { mode: 0o700 });
    const programs = await this.#open(python);
    try {
      for (const size of SIZES) await this.#size(programs, size, WARM_UP_FRAMES, () => undefined);
      for (let round = 1; round <= rounds; round++) {
        log(`${SUITE}: round ${round} of ${rounds}`);
        await this.#round(programs, round % 2 === 0 ? SIZES.toReversed() : SIZES);
      }
      await programs.rival.ask('close');
    } finally {
      await Promise.all(Object.values(programs).map((program) => program.stop()));
      for (const publisher of this.#publishers.values()) await publisher.close();
    }
    return this.#findings.measurements();
  }

  async #open(python: string): Promise<Programs> {
    const directory = this.#directory;
    const names = ['frame_reader.py', 'frame_writer.py', 'frame_rival.py'];
    const [reader, writer, rival] = await Promise.all(
      names.map((name) => PythonProgram.start(python, name, { directory })),
    );
    const given: ReaderGiven = { directory, socketPath: '' };
    const programs = {
      reader: reader as PythonProgram,
      writer: writer as PythonProgram,
      rival: rival as PythonProgram,
      node: new ChildProgram(NODE_READER, given),
    };
    for (const size of SIZES) {
      const { width, height } = size;
      const publisher = await openPublisher(channelOf(size), {
        format: video({ width, height, pixelFormat: 'nv12' }),
        slots: SLOTS,
        directory,
      });
      this.#publishers.set(size, publisher as FramePublisher<VideoFormat>);
      const opened = { directory, channel: pythonChannelOf(size) };
      await programs.writer.ask('open', { ...opened, shape: [height * 1.5, width], slots: SLOTS });
      for (const channel of [channelOf(size), pythonChannelOf(size)]) {
        await programs.reader.ask('open', { directory, channel });
      }
    }
    return programs;
  }

  async #round(programs: Programs, sizes: readonly Size[]): Promise<void> {
    const taken = new Map<string, number>();
    for (const size of sizes) {
      await this.#size(programs, size, undefined, (task, subject, value) => {
        this.#findings.add(task, subject, value);
        taken.set(`${task}\n${subject}`, value);
      });
    }
    const [small, large] = [SIZES[0], SIZES[2]];
    for (const { subject } of [{ subject: SLUICE }, ...RIVALS]) {
      const ratio = (of: (size: Size) => string): number =>
        (taken.get(`${of(large)}\n${subject}`) ?? Number.NaN) /
        (taken.get(`${of(small)}\n${subject}`) ?? Number.NaN);
      if (!this.#findings.isOpen(FLAT_COST, subject)) continue;
      this.#findings.add(FLAT_COST, subject, ratio(costTask));
      this.#findings.add(FLAT_ASLEEP, subject, ratio(asleepTask));
    }
  }

  /** All ways of one size, in turn. */
  async #size(
    programs: Programs,
    size: Size,
    frames: number | undefined,
    add: (task: string, subject: string, value: number) => void,
  ): Promise<void> {
    const { reader } = programs;
    const count = frames ?? (this.#context.quick ? 10 : 200);
    for (const mode of MODES) {
      const task = TASKS[mode](size);
      add(task, SLUICE, await this.#fromNode(programs, size, count, mode));
      const channel = pythonChannelOf(size);
      const read = (): Promise<number> => reader.ask('burst', { channel, count, mode });
      const fromPython = await this.#fromPython(programs, size, mode, read);
      add(task, FROM_PYTHON, fromPython.readerUs);
      if (mode === 'busy') {
        add(loanTask(size), FROM_PYTHON, fromPython.writerUs);
      } else {
        const toNode = (): Promise<number> => this.#intoNode(programs, size, count, mode);
        add(task, TO_NODE, (await this.#fromPython(programs, size, mode, toNode)).readerUs);
      }
      for (const { subject } of RIVALS) {
        await this.#rival(programs, size, subject, mode, frames, (value) =>
          add(task, subject, value),
        );
      }
    }
    const stats = await reader.ask<{ bytes_copied: number; received: number }>('stats', {
      channel: channelOf(size),
    });
    add(copiedTask(size), SLUICE, stats.bytes_copied / Math.max(1, stats.received));
  }

  async #fromNode({ reader }: Programs, size: Size, count: number, mode: Mode): Promise<number> {
    const publisher = this.#publishers.get(size)!;
    const channel = channelOf(size);
    await reader.ask('prepare', { channel });
    let done = false;
    const answered = reader
      .ask<number>('burst', { channel, count, mode })
      .finally(() => (done = true));
    // It is awaited below; a failure meanwhile must not count as unhandled.
    answered.catch(() => undefined);
    while (!done) {
      publisher.tryLoan()?.publish({ ptsNs: clockNs() });
      await (mode === 'busy' ? pauseBriefly() : sleep(PAUSE_MS));
    }
    return answered;
  }

  /** Medians of both sides: of `read`, and of what a frame cost the publisher. */
  async #fromPython(
    { reader, writer }: Programs,
    size: Size,
    mode: Mode,
    read: () => Promise<number>,
  ): Promise<{ readonly readerUs: number; readonly writerUs: number }> {
    const channel = pythonChannelOf(size);
    await reader.ask('prepare', { channel });
    await writer.ask('start', { channel, mode });
    try {
      const readerUs = await read();
      return { readerUs, writerUs: await writer.ask<number>('stop') };
    } catch (error) {
      await writer.ask('stop').catch(() => undefined);
      throw error;
    }
  }

  async #intoNode({ node }: Programs, size: Size, count: number, mode: Mode): Promise<number> {
    await node.tell({
      by: mode === 'asleep' ? 'event loop' : 'spinning',
      channel: pythonChannelOf(size),
      byteLength: 0,
      count,
    } satisfies Burst);
    await node.next();
    return median((await node.next<BurstResult>()).latenciesUs);
  }

  async #rival(
    { rival }: Programs,
    size: Size,
    subject: string,
    mode: Mode,
    frames: number | undefined,
    add: (value: number) => void,
  ): Promise<void> {
    if (!this.#findings.isOpen(costTask(size), subject)) return;
    try {
      const byteLength = size.width * size.height * 1.5;
      const most = this.#context.quick ? 5 : byteLength > LARGE_BYTES ? 20 : 200;
      const count = Math.min(frames ?? Infinity, most);
      const of = { way: subject, byte_length: byteLength, count, mode };
      add(await rival.ask<number>('burst', of));
    } catch (error) {
      const tasks = SIZES.flatMap((each) => MODES.map((one) => TASKS[one](each)));
      this.#findings.fail([...tasks, FLAT_COST, FLAT_ASLEEP], error, subject);
    }
  }
}

/** Timers are no shorter than a millisecond. */
async function pauseBriefly(): Promise<void> {
  const endNs = clockNs() + BUSY_PAUSE_US * 1000;
  do await nextTurn();
  while (clockNs() < endNs);
}

const channelOf = ({ height }: Size): string => `bench/node-${height}`;
const pythonChannelOf = ({ height }: Size): string => `bench/python-${height}`;

export const pythonFrames = pythonSuite({
  name: SUITE,
  description: 'frames to and from the Python client, beside shared_memory, pipes and pyzmq',
  targets,
  modules: ['numpy'],
  optional: ['zmq'],
  run: (context, python) => new FramesRun(context).run(python),
});
