/** What one more subscriber costs the publisher: it never copies for them, it looks at what they hold and rings. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type FramePublisher, openPublisher, tensor, type TensorFormat } from '../../index.js';
import { ChildProgram } from '../child-program.js';
import { type BenchContext, type Measurement, median, type Suite } from '../measurement.js';
import type { FanOutGiven } from '../programs-frames/fan-out-reader.js';

const PROGRAM = new URL('../programs-frames/fan-out-reader.js', import.meta.url);
const SUITE = 'subscribers';
const FRAME_BYTES = 65_536;
const SLOTS = 64;
const FRAMES_A_BURST = 200;
const PAUSE_MS = 2;
const BOUND_US = 5;

interface Crowd {
  readonly subscribers: number;
  readonly processes: number;
}

const CROWDS: readonly Crowd[] = [
  { subscribers: 1, processes: 1 },
  { subscribers: 4, processes: 4 },
  { subscribers: 16, processes: 4 },
];

const PACES = ['back to back', 'all asleep'] as const;
type Pace = (typeof PACES)[number];

function taskOf({ subscribers, processes }: Crowd, pace: Pace): string {
  const crowd =
    subscribers === 1 ? '1 subscriber' : `${subscribers} subscribers in ${processes} processes`;
  return `loan and publish, ${crowd}, ${pace}`;
}

export const subscribers: Suite = {
  name: SUITE,
  description: 'cost of a frame for its publisher, by the number of subscribers',
  targets: [
    {
      suite: SUITE,
      task: taskOf(CROWDS[2] as Crowd, 'back to back'),
      subject: 'sluice',
      text: `≤ ${BOUND_US} us`,
      bound: BOUND_US,
      better: 'lower',
    },
  ],
  run,
};

interface Setup {
  readonly crowd: Crowd;
  readonly publisher: FramePublisher<TensorFormat>;
  readonly children: readonly ChildProgram[];
  readonly samples: Readonly<Record<Pace, number[]>>;
}

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const { quick, rounds, log } = context;
  const setups: Setup[] = [];
  try {
    for (const crowd of CROWDS) await open(crowd, context, setups);
    for (let round = 0; round < rounds; round++) {
      log(`subscribers: round ${round + 1} of ${rounds}`);
      for (const { publisher, samples } of setups) {
        samples['back to back'].push(await backToBack(publisher, quick ? 3 : 50));
        samples['all asleep'].push(await asleep(publisher, quick ? 20 : 200));
      }
    }
    return setups.flatMap(({ crowd, samples }) =>
      PACES.map((pace) => ({
        suite: SUITE,
        task: taskOf(crowd, pace),
        subject: 'sluice',
        unit: 'us',
        better: 'lower' as const,
        samples: samples[pace],
      })),
    );
  } finally {
    for (const { children, publisher } of setups) {
      await Promise.all(children.map((child) => child.stop()));
      await publisher.close();
    }
  }
}

/** Added to `setups` before anything can fail, so that its processes are ended. */
async function open(crowd: Crowd, { directory }: BenchContext, setups: Setup[]): Promise<void> {
  const channel = `bench/crowd-${crowd.subscribers}`;
  const format = tensor('u8', [FRAME_BYTES]);
  const publisher = await openPublisher(channel, { format, slots: SLOTS, directory });
  const given: FanOutGiven = {
    directory,
    channel,
    subscribers: crowd.subscribers / crowd.processes,
  };
  const children = Array.from({ length: crowd.processes }, () => new ChildProgram(PROGRAM, given));
  setups.push({
    crowd,
    publisher: publisher as FramePublisher<TensorFormat>,
    children,
    samples: { 'back to back': [], 'all asleep': [] },
  });
  for (const child of children) await child.next();
}

function publishOne(publisher: FramePublisher<TensorFormat>): void {
  const loan = publisher.tryLoan();
  if (loan === undefined) throw new Error('no slot is free, though no reader holds more than one');
  loan.publish();
}

/** us a frame: the median burst. Readers are awake and take what they can. */
async function backToBack(
  publisher: FramePublisher<TensorFormat>,
  bursts: number,
): Promise<number> {
  const samples: number[] = [];
  for (let burst = 0; burst < bursts; burst++) {
    const startedMs = performance.now();
    for (let index = 0; index < FRAMES_A_BURST; index++) publishOne(publisher);
    samples.push(((performance.now() - startedMs) * 1000) / FRAMES_A_BURST);
    await nextTurn();
  }
  return median(samples);
}

/** us a frame: the median of frames so far apart that each has to wake every reader. */
async function asleep(publisher: FramePublisher<TensorFormat>, frames: number): Promise<number> {
  const samples: number[] = [];
  for (let index = 0; index < frames; index++) {
    await sleep(PAUSE_MS);
    const startedMs = performance.now();
    publishOne(publisher);
    samples.push((performance.now() - startedMs) * 1000);
  }
  return median(samples);
}
