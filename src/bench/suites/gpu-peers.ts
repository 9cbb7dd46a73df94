/** A frame of one GPU read in place by a process on another GPU, beside a plain copy between the two. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { canAccess, type GpuDevice } from '../../gpu/index.js';
import type { BenchContext, Measurement, Target } from '../measurement.js';
import type { ChannelTask, StampTask } from '../programs-gpu/frame-source.js';
import type { PeerGiven } from '../programs-gpu/peer-reader.js';
import type { GpuGiven } from '../programs-gpu/serve.js';
import { GpuChild } from './gpu-child.js';
import { Findings, type Subject } from './findings.js';
import { gpuSuite } from './gpu-suite.js';

const SUITE = 'gpu-peers';
const CHANNEL = 'bench/gpu-peers';
const READ = '1 GB from another GPU';
const WRONG = 'words that differ, seen by the other GPU';
const PLAIN = 'plain peer copy';
const SHARE = 0.85;
const SLOTS = 3;
const OWNER = 0;
const READER = 1;

const targets: readonly Target[] = [
  {
    suite: SUITE,
    task: READ,
    subject: 'sluice',
    text: `≥ ${SHARE} × ${PLAIN}`,
    bound: SHARE,
    of: PLAIN,
    better: 'higher',
  },
  { suite: SUITE, task: WRONG, subject: 'sluice', text: 'none', bound: 0, better: 'lower' },
];

function subjects(quick: boolean): readonly Subject[] {
  const note = quick ? 'quick: 4 MB' : "by the reader's copy engine";
  return [
    { task: READ, subject: 'sluice', unit: 'GB/s', better: 'higher', note },
    {
      task: READ,
      subject: PLAIN,
      unit: 'GB/s',
      better: 'higher',
      note: 'cuMemcpyDtoD, one process',
    },
    { task: WRONG, subject: 'sluice', unit: 'words', better: 'lower' },
  ];
}

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const { quick, rounds, log } = context;
  const findings = new Findings(SUITE, subjects(quick), context);
  const directory = mkdtempSync(join(context.directory, 'peers-'));
  const frameBytes = 2 ** (quick ? 22 : 30);
  let children: GpuChild[] = [];
  try {
    children = await GpuChild.startAll<GpuGiven | PeerGiven>([
      ['frame-source.js', { directory, device: OWNER }],
      ['peer-reader.js', { directory, device: READER, owner: OWNER, frameBytes }],
    ]);
    const [source, reader] = children as [GpuChild, GpuChild];
    const opening = { channel: CHANNEL, byteLength: frameBytes, slots: SLOTS };
    await source.ask('open', opening satisfies ChannelTask);
    await reader.ask('open', { channel: CHANNEL });
    for (let round = 1; round <= rounds; round++) {
      log(`${SUITE}: round ${round} of ${rounds}`);
      const stamped: StampTask = { channel: CHANNEL, seed: round };
      await source.ask('stamped', stamped);
      findings.add(WRONG, 'sluice', await reader.ask('check', stamped));
      await source.ask('stamped', stamped);
      findings.add(READ, 'sluice', await reader.ask('inPlace'));
      findings.add(READ, PLAIN, await reader.ask('plain'));
    }
  } catch (error) {
    findings.fail([READ, WRONG], error);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
  return findings.measurements();
}

function missing(devices: readonly GpuDevice[]): string | undefined {
  const [owner, reader] = [devices[OWNER], devices[READER]];
  if (owner === undefined || reader === undefined) return 'there is one GPU, this needs two';
  if (canAccess(reader, owner)) return undefined;
  return `cuda:${READER} has no peer access to cuda:${OWNER}`;
}

export const gpuPeers = gpuSuite({
  name: SUITE,
  description: 'a frame of one GPU read in place by another one',
  targets,
  needs: missing,
  run,
});
