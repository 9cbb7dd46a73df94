/** What a Python program sees when the process that produces its frames is killed: by Sluice, and without it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import { clockNs } from '../programs-frames/given.js';
import type { HolderGiven } from '../programs-frames/frame-holder.js';
import { PythonProgram } from '../python-program.js';
import { pythonSuite } from './python-suite.js';

const SUITE = 'python-deaths';
const HOLDER = new URL('../programs-frames/frame-holder.js', import.meta.url);
const BYTES = 2 ** 20;
const FILL = 7;
const PATIENCE_MS = 2000;
const QUICK_PATIENCE_MS = 300;

const KNOWS = 'producer killed: until the waiting reader is told';
const CHANGED = 'producer killed: bytes that changed in the frame that is held';
const NEXT = 'producer killed: frames of the next one that reach the reader';
const SLUICE = 'sluice';
const RIVALS = ['shared_memory + Queue', 'Pipe bytes', 'pyzmq'] as const;

const common = { suite: SUITE, subject: SLUICE } as const;
const targets: readonly Target[] = [
  { ...common, task: CHANGED, text: 'none', bound: 0, better: 'lower' },
  { ...common, task: NEXT, text: '1', bound: 1, better: 'higher' },
];

/** What a reader saw. */
interface Seen {
  /** What its wait ended with; null when it went on until patience ended, at `at_ns`. */
  readonly saw: string | null;
  readonly at_ns: number;
  readonly changed: number;
}

/** One death. */
interface Death extends Seen {
  readonly killed_ns: number;
  readonly frames: number;
}

async function run(context: BenchContext, python: string): Promise<readonly Measurement[]> {
  const { rounds, quick, log } = context;
  const directory = join(context.directory, SUITE);
  mkdirSync(directory, { mode: 0o700 });
  const patienceMs = quick ? QUICK_PATIENCE_MS : PATIENCE_MS;
  const deaths = new Map<string, Death[]>();
  const failures = new Map<string, string>();
  for (let round = 1; round <= rounds; round++) {
    log(`${SUITE}: round ${round} of ${rounds}`);
    for (const subject of [SLUICE, ...RIVALS]) {
      if (failures.has(subject)) continue;
      // A program of its own for each: readers that are told nothing wait for ever.
      const program = await PythonProgram.start(python, 'frame_deaths.py', { directory });
      try {
        const death =
          subject === SLUICE
            ? await dieBySluice(program, directory, `bench/death-${round}`, patienceMs)
            : await program.ask<Death>('rival', { way: subject, patience_ms: patienceMs });
        deaths.set(subject, [...(deaths.get(subject) ?? []), death]);
      } catch (error) {
        if (subject === SLUICE) throw error;
        failures.set(subject, `failed: ${error instanceof Error ? error.message : String(error)}`);
      } finally {
        await program.stop();
      }
    }
  }
  return [SLUICE, ...RIVALS].flatMap((subject) =>
    measurementsOf(subject, deaths.get(subject) ?? [], failures.get(subject)),
  );
}

/** Two readers of one publisher: one asks to be told of the end, the other goes on with the next publisher. */
async function dieBySluice(
  program: PythonProgram,
  directory: string,
  channel: string,
  patienceMs: number,
): Promise<Death> {
  const given: HolderGiven = { directory, channel, byteLength: BYTES, fill: FILL };
  const first = new ChildProgram(HOLDER, given);
  let second: ChildProgram | undefined;
  try {
    await first.next();
    await program.ask('hold', { directory, channel });
    await program.ask('follow', { directory, channel });
    const killedNs = clockNs();
    await first.stop();
    const found = await program.ask<Seen>('seen', { channel, patience_ms: patienceMs });
    second = new ChildProgram(HOLDER, given);
    await second.next();
    const frames = await program.ask<number>('followed', { channel });
    return { ...found, killed_ns: killedNs, frames };
  } finally {
    await first.stop();
    await second?.stop();
  }
}

function measurementsOf(
  subject: string,
  deaths: readonly Death[],
  failure: string | undefined,
): readonly Measurement[] {
  const of = (
    task: string,
    unit: string,
    better: Measurement['better'],
    value: (death: Death) => number,
    note?: string,
  ): Measurement => {
    const said = failure ?? note;
    const samples = failure === undefined ? deaths.map(value) : [];
    const known = said === undefined ? {} : { note: said };
    return { suite: SUITE, task, subject, unit, better, samples, ...known };
  };
  const saw = [...new Set(deaths.map((death) => death.saw ?? 'nothing: it waits on'))].join(', ');
  return [
    of(KNOWS, 'ms', 'lower', (death) => (death.at_ns - death.killed_ns) / 1e6, `sees ${saw}`),
    of(CHANGED, 'B', 'lower', ({ changed }) => changed),
    of(NEXT, 'frames', 'higher', ({ frames }) => frames),
  ];
}

export const pythonDeaths = pythonSuite({
  name: SUITE,
  description: 'what a Python reader sees when the producer of its frames is killed',
  targets,
  modules: ['numpy'],
  optional: ['zmq'],
  run,
});
