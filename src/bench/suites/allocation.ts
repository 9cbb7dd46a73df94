/** Heap bytes a message: what a stream of millions a second must not leave to the garbage collector. */
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import type {
  AllocationGiven,
  AllocationResult,
  AllocationTask,
} from '../programs-frames/allocation-program.js';

const PROGRAM = new URL('../programs-frames/allocation-program.js', import.meta.url);
const NODE_OPTIONS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
const SUITE = 'allocation';
const BOUND = 1;

type Case = Pick<AllocationTask, 'operation'> & Pick<AllocationGiven, 'layout'>;

const LAYOUTS = ['slots', 'bytes'] as const;

const CASES: readonly Case[] = LAYOUTS.flatMap((layout) =>
  (['trySendBatch', 'trySend', 'drain'] as const).map((operation) => ({ operation, layout })),
);

function taskOf({ operation, layout }: Case): string {
  return `${operation}, 240 B, ${layout} layout`;
}

const targets = CASES.map<Target>((entry) => ({
  suite: SUITE,
  task: taskOf(entry),
  subject: 'sluice',
  text: `≤ ${BOUND} B/message`,
  bound: BOUND,
  better: 'lower',
}));

export const allocation: Suite = {
  name: SUITE,
  description: 'heap bytes a message when sending and draining',
  targets,
  run,
};

async function run({
  quick,
  rounds,
  directory,
  log,
}: BenchContext): Promise<readonly Measurement[]> {
  const children = new Map<Case['layout'], ChildProgram>();
  try {
    for (const layout of LAYOUTS) {
      const given: AllocationGiven = { directory, layout };
      children.set(layout, new ChildProgram(PROGRAM, given, NODE_OPTIONS));
    }
    for (const child of children.values()) await child.next();
    const samples = CASES.map((): number[] => []);
    let disturbed = 0;
    for (let round = 0; round < rounds; round++) {
      log(`allocation: round ${round + 1} of ${rounds}`);
      for (const [index, { layout, operation }] of CASES.entries()) {
        const child = children.get(layout) as ChildProgram;
        const task: AllocationTask = { operation, messages: quick ? 100_000 : 1_000_000 };
        await child.tell(task);
        const { bytesPerMessage } = await child.next<AllocationResult>();
        if (Number.isFinite(bytesPerMessage)) samples[index]?.push(bytesPerMessage);
        else disturbed += 1;
      }
    }
    const note = disturbed === 0 ? {} : { note: `${disturbed} samples fell to collections` };
    return CASES.map((entry, index) => ({
      suite: SUITE,
      task: taskOf(entry),
      subject: 'sluice',
      unit: 'B/message',
      better: 'lower',
      samples: samples[index] ?? [],
      ...note,
    }));
  } finally {
    for (const child of children.values()) await child.stop();
  }
}
