/** What it takes to subscribe to a large pool of GPU memory, once a process has its context. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import type { ChannelTask, PublishTask } from '../programs-gpu/frame-source.js';
import type { MapTask, OpenResult, OpenTask } from '../programs-gpu/pool-opener.js';
import type { GpuGiven } from '../programs-gpu/serve.js';
import { GpuChild } from './gpu-child.js';
import { Findings, type Subject } from './findings.js';
import { gpuSuite } from './gpu-suite.js';

const SUITE = 'gpu-open';
const CHANNEL = 'bench/gpu-open';
const SUBJECT = 'sluice';
const OPEN = 'openSubscriber() to a pool of 1 GB';
const IMPORT = 'import and map 1 GB, alone';
const USED = 'memory of the GPU that a subscriber takes beside its context';
const OPEN_BOUND_MS = 5;
const MIB = 2 ** 20;
/** The driver gives memory out in pieces of 2 MiB, page tables included. */
const USED_BOUND_MIB = 2;
const SLOTS = 4;
const TIMES_A_ROUND = 5;

const subjects = (quick: boolean): readonly Subject[] => [
  {
    task: OPEN,
    subject: SUBJECT,
    unit: 'ms',
    better: 'lower',
    note: quick ? 'quick: 4 MB' : 'context and stream are there',
  },
  { task: IMPORT, subject: SUBJECT, unit: 'ms', better: 'lower', note: 'within one process' },
  { task: USED, subject: SUBJECT, unit: 'MiB', better: 'lower' },
];

const common = { suite: SUITE, subject: SUBJECT, better: 'lower' } as const;
const targets: readonly Target[] = [
  { ...common, task: OPEN, text: `≤ ${OPEN_BOUND_MS} ms`, bound: OPEN_BOUND_MS },
  { ...common, task: USED, text: `≤ ${USED_BOUND_MIB} MiB`, bound: USED_BOUND_MIB },
];

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const { quick, rounds, log } = context;
  const findings = new Findings(SUITE, subjects(quick), context);
  const directory = mkdtempSync(join(context.directory, 'open-'));
  const given: GpuGiven = { directory, device: 0 };
  const poolBytes = 2 ** (quick ? 22 : 30);
  let children: GpuChild[] = [];
  try {
    children = await GpuChild.startAll([
      ['frame-source.js', given],
      ['pool-opener.js', given],
    ]);
    const [source, opener] = children as [GpuChild, GpuChild];
    const byteLength = poolBytes / SLOTS;
    await source.ask('open', { channel: CHANNEL, byteLength, slots: SLOTS } satisfies ChannelTask);
    const publishing = { channel: CHANNEL, frames: 1, pauseMs: 0 };
    await source.ask('publish', publishing satisfies PublishTask);
    const opening: OpenTask = { channel: CHANNEL };
    // Two that do not count: code is compiled, and what the driver does once is done.
    for (let time = 0; time < 2; time++) {
      await opener.ask('open', opening);
      await opener.ask('mapAlone', { byteLength: poolBytes } satisfies MapTask);
    }
    for (let round = 1; round <= rounds; round++) {
      log(`${SUITE}: round ${round} of ${rounds}`);
      for (let time = 0; time < (quick ? 1 : TIMES_A_ROUND); time++) {
        const { openMs, usedBytes } = await opener.ask<OpenResult>('open', opening);
        findings.add(OPEN, SUBJECT, openMs);
        // Memory that others give back meanwhile makes it negative.
        findings.add(USED, SUBJECT, Math.max(0, usedBytes / MIB));
        const imported: MapTask = { byteLength: poolBytes };
        findings.add(IMPORT, SUBJECT, await opener.ask<number>('mapAlone', imported));
      }
    }
  } catch (error) {
    findings.fail([OPEN, IMPORT, USED], error);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
  return findings.measurements();
}

export const gpuOpen = gpuSuite({
  name: SUITE,
  description: "a subscription to a large pool of a GPU's memory",
  targets,
  run,
});
