/** The instances of a subscriber and its guard, and faults planted in them. */
import { Header, Page, poolGeometry } from '../../src/layout/index.js';
import { check } from './check.js';
import { controlRegion, pageRegion } from './control-names.js';
import {
  DyingGpu,
  Guard,
  GuardedSubscriber,
  type GuardPlan,
  ReadingStream,
} from './guard-programs.js';
import type { Program } from './automaton.js';
import type { RingCode } from './code-under-test.js';
import type { Instance } from './instances.js';
import type { Mutant } from './mutant.js';
import type { SharedMemory } from './shared-memory.js';
import { declareAtom } from './snapshot.js';
import { Sockets } from './sockets.js';
import type { World } from './world.js';

const IDENTITY = { epoch: 1, instance: [0, 0, 0, 0] as const };
const MAX_STATES = 8_000_000;

/** It has announced everything before the first step. */
const PUBLISHER: Program = {
  name: 'publisher',
  moves: () => [],
  summary: () => ({ phase: 'done', ended: true }),
};

function build(memory: SharedMemory, code: RingCode, plan: GuardPlan): World {
  const geometry = declareAtom(poolGeometry(IDENTITY, plan.frames, 64));
  const control = controlRegion(memory, geometry);
  const page = pageRegion(memory, 0, Page.mirror + plan.frames * 2);
  const words = (name: string, length = plan.frames): Int32Array =>
    memory.int32(memory.region(length, (index) => `${name} ${index}`));
  const parts = declareAtom({
    memory,
    code,
    plan,
    geometry,
    control: control.views.words,
    page: memory.int32(page),
    verdicts: words('verdicts', code.FenceVerdicts.wordsNeeded(1)),
    data: words('data'),
    told: words('told'),
    torn: words('torn'),
    announced: words('announced'),
    flagged: words('flagged'),
  });
  // Poison goes there whether a stream waits there or not, and a move without a shared word has no end.
  for (let i = 0; i < plan.frames * 2; i++) memory.points.add(page.base + Page.mirror + i);
  return {
    memory,
    sockets: declareAtom(new Sockets(memory, 1)),
    programs: [
      PUBLISHER,
      new GuardedSubscriber(parts),
      new Guard(parts),
      new ReadingStream(parts),
      new DyingGpu(parts),
    ],
    head: control.region.base + Header.head,
    pages: [page],
    hasUnread: () => false,
    mayLose: () => true,
  };
}

function guarded(name: string, plan: GuardPlan): Instance {
  const options = { name, maxStates: MAX_STATES };
  return { name, run: (code) => check((memory) => build(memory, code, plan), options) };
}

export const guardInstances: readonly Instance[] = [
  guarded('W1 a frame, the guard and the subscriber', { frames: 1 }),
];

export const largeGuardInstances: readonly Instance[] = [
  guarded('L23 two frames under one lease, the guard and the subscriber', { frames: 2 }),
];

export const guardMutants: readonly Mutant[] = [
  {
    rule: 'the guard decides before it poisons',
    changes: [],
    on: guarded('M a frame', { frames: 1, plant: 'poison before the verdict' }),
    breaks: /passes for|was .*, is/,
  },
  {
    rule: 'what the guard has decided stands',
    changes: [
      {
        file: 'fence-verdicts',
        find: 'if (found === undecided)\n                found = verdict;',
        replace: 'found = verdict;',
      },
    ],
    on: guarded('M a frame', { frames: 1 }),
    breaks: /passes for|was .*, is/,
  },
  {
    rule: 'no wait is enqueued once the guard has taken over',
    changes: [
      {
        file: 'fence-verdicts',
        find: '!isReached && !hasEnded && this.phase === EndPhase.watching',
        replace: '!isReached && !hasEnded',
      },
    ],
    on: guarded('M a frame', { frames: 1 }),
    breaks: /passes for|was .*, is/,
  },
];
