/**
 * Frames of 64 B to 64 MiB from one process to another. Sluice hands over a place, so that the size should not matter;
 * a socket and the messages of child processes carry the bytes.
 */
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import { HandoverBench, type Way } from './handover-bench.js';

const SUITE = 'handover';
const MIB = 2 ** 20;
const FLAT_BOUND = 1.5;
const WARM_UP_FRAMES = 2;

const SIZES = [
  { text: '64 B', byteLength: 64 },
  { text: '64 KiB', byteLength: 65_536 },
  { text: '1 MiB', byteLength: MIB },
  { text: '64 MiB', byteLength: 64 * MIB },
] as const;

type Size = (typeof SIZES)[number];

/** Who does it, and how its reader waits. */
const WAYS: readonly Way[] = [
  { subject: 'sluice', by: 'event loop', maxBytes: Infinity },
  { subject: 'unix socket', by: 'socket', maxBytes: Infinity },
  { subject: 'process.send', by: 'process.send', maxBytes: MIB },
  { subject: 'sluice, spinning', by: 'spinning', maxBytes: Infinity },
];

const handOverTask = ({ text }: Size): string => `${text}: publish to receive`;
const callTask = ({ text }: Size): string => `${text}: the publisher's part`;
const copiedTask = ({ text }: Size): string => `${text}: bytes copied a frame`;
const FLAT_TASK = '64 MiB as a multiple of 64 B';

const targets: readonly Target[] = [
  ...['sluice', 'sluice, spinning'].map<Target>((subject) => ({
    suite: SUITE,
    task: FLAT_TASK,
    subject,
    text: `≤ ${FLAT_BOUND} ×`,
    bound: FLAT_BOUND,
    better: 'lower',
  })),
  ...SIZES.map<Target>((size) => ({
    suite: SUITE,
    task: copiedTask(size),
    subject: 'sluice',
    text: 'none',
    bound: 0,
    better: 'lower',
  })),
];

export const handover: Suite = {
  name: SUITE,
  description: 'frames of 64 B to 64 MiB between two processes',
  targets,
  run,
};

/** Samples of one way and one size. */
interface Cell {
  readonly way: Way;
  readonly size: Size;
  readonly latency: number[];
  readonly call: number[];
  readonly copied: number[];
}

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const { quick, rounds, directory, log } = context;
  const cells = SIZES.flatMap((size) =>
    WAYS.filter(({ maxBytes }) => size.byteLength <= maxBytes).map((way): Cell => ({
      way,
      size,
      latency: [],
      call: [],
      copied: [],
    })),
  );
  const bench = new HandoverBench(directory);
  try {
    await bench.open(SIZES.map(({ byteLength }) => byteLength));
    // Processes start and code is compiled before anything counts: else what comes first would pay for it.
    for (const { way, size } of cells) await bench.burst(way, size.byteLength, WARM_UP_FRAMES);
    for (let round = 0; round < rounds; round++) {
      log(`handover: round ${round + 1} of ${rounds}`);
      // To and fro, so that no size is always the first.
      for (const { way, size, latency, call, copied } of round % 2 === 0
        ? cells
        : cells.toReversed()) {
        const count = framesOf(way, size, quick);
        const result = await bench.burst(way, size.byteLength, count);
        latency.push(result.latencyUs);
        call.push(result.callUs);
        copied.push(result.copiedBytesPerFrame);
      }
    }
  } finally {
    await bench.close();
  }
  return [...cells.flatMap(measurementsOf), ...flatness(cells)];
}

/** Large frames take the others long enough to need few. */
function framesOf({ subject }: Way, { byteLength }: Size, quick: boolean): number {
  const slow = byteLength > MIB && !subject.startsWith('sluice');
  if (slow) return quick ? 2 : 8;
  return quick ? 10 : 200;
}

function measurementsOf({ way, size, latency, call, copied }: Cell): readonly Measurement[] {
  const { subject } = way;
  const common = { suite: SUITE, subject, better: 'lower' } as const;
  const carriesBytes = way.by === 'socket' || way.by === 'process.send';
  const found: Measurement[] = [
    {
      ...common,
      task: handOverTask(size),
      unit: 'us',
      samples: latency,
      note: carriesBytes ? 'the bytes are in the receiver' : 'in place: reading comes on top',
    },
    {
      ...common,
      task: callTask(size),
      unit: 'us',
      samples: call,
      ...(carriesBytes ? { note: 'until the kernel has all bytes' } : {}),
    },
  ];
  if (way.by === 'event loop') {
    found.push({ ...common, task: copiedTask(size), unit: 'B', samples: copied });
  }
  return found;
}

/** The largest against the smallest of the same round: a busy moment hits both. */
function flatness(cells: readonly Cell[]): readonly Measurement[] {
  return WAYS.flatMap((way) => {
    const own = cells.filter((cell) => cell.way === way);
    const [small, large] = [own[0], own.find(({ size }) => size.byteLength === 64 * MIB)];
    if (small === undefined || large === undefined) return [];
    const samples = large.latency.map((value, round) => value / (small.latency[round] ?? 0));
    return [
      {
        suite: SUITE,
        task: FLAT_TASK,
        subject: way.subject,
        unit: '×',
        better: 'lower' as const,
        samples,
        note: 'publish to receive',
      },
    ];
  });
}
