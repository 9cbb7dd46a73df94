/** A message ring with its readers as an instance for the search. */
import { distance32 } from '../../src/core/index.js';
import {
  bytesRingGeometry,
  type ControlGeometry,
  Header,
  MessageSlot,
  RING_SLOT_WORDS,
  slotsRingGeometry,
  unitsOfRecord,
} from '../../src/layout/index.js';
import { check, type CheckOptions, type Report } from './check.js';
import type { RingCode } from './code-under-test.js';
import { controlRegion, pageRegion } from './control-names.js';
import { GpuBlock, GpuRingHost, type GpuWords } from './gpu-ring.js';
import type { RingPlan } from './ring-plan.js';
import { RingPublisher } from './ring-publisher.js';
import { RingSubscriber } from './ring-subscriber.js';
import type { SharedMemory } from './shared-memory.js';
import { declareAtom } from './snapshot.js';
import { Sockets } from './sockets.js';
import type { World } from './world.js';

const IDENTITY = { epoch: 1, instance: [0, 0, 0, 0] as const };

/** Smaller than any real ring: the code takes what the geometry says. */
function geometryOf({ layout, capacity, writeAhead }: RingPlan): ControlGeometry {
  const make = layout === 'slots' ? slotsRingGeometry : bytesRingGeometry;
  return { ...make(IDENTITY, capacity), writeAhead };
}

/** Bytes ring: positions behind each message when every message is written. */
function endsOf(plan: RingPlan): number[] {
  let position = plan.start ?? 0;
  return plan.messages.flat().map((words) => {
    const units = unitsOfRecord(words * 4, false);
    const rest = plan.capacity - (position % plan.capacity);
    position += (rest < units ? rest : 0) + units;
    return position;
  });
}

function isFar({ capacity, writeAhead }: RingPlan, head: number, done: number): boolean {
  return distance32(head, done) > capacity - writeAhead;
}

/** Whether a reader that was done up to `from` may have lost what follows. Heads are low words. */
function mayLose(plan: RingPlan, reader: number, from: number, head: number): boolean {
  const { budget = 0, maxLag = plan.capacity } = plan.readers[reader] ?? {};
  const behind = distance32(head, from);
  if (plan.readers[reader]?.delivery === 'latest') return behind > 0;
  const reach = plan.capacity - plan.writeAhead;
  if (plan.layout === 'slots') {
    const isHeld = budget > 0 && plan.policy !== 'pass over';
    return isHeld ? behind > maxLag : behind > Math.min(reach, maxLag);
  }
  const messages = endsOf(plan).filter((end) => {
    const ahead = distance32(end, from);
    return ahead > 0 && ahead <= behind;
  });
  return behind > reach || messages.length > maxLag;
}

function gpuWords(memory: SharedMemory, { messages }: RingPlan, blocks: number): GpuWords {
  const words = (name: string, length: number): Int32Array =>
    memory.int32(memory.region(length, (index) => `${name} ${index}`));
  return declareAtom({
    launched: words('launch of kernel', messages.length),
    arrived: words('blocks arrived of kernel', messages.length),
    through: words('blocks through of kernel', messages.length),
    fences: words('fence of block', blocks),
  });
}

function setLengths({ slots, recordsOffset }: ControlGeometry, words: Int32Array): void {
  for (let slot = 0; slot < slots; slot++) {
    words[recordsOffset / 4 + slot * RING_SLOT_WORDS + MessageSlot.length] = 4;
  }
}

function buildRing(memory: SharedMemory, code: RingCode, plan: RingPlan, mayDie: boolean): World {
  const geometry = declareAtom(geometryOf(plan));
  const control = controlRegion(memory, geometry);
  const pages = plan.readers.map((_, reader) => pageRegion(memory, reader));
  const sockets = declareAtom(new Sockets(memory, plan.readers.length));
  const parts = declareAtom({
    memory,
    code,
    plan,
    geometry,
    control: control.views,
    pages: pages.map((page) => memory.int32(page)),
    sockets,
  });
  const { gpuBlocks = 0 } = plan;
  const gpu = gpuWords(memory, plan, gpuBlocks);
  const publisher =
    gpuBlocks === 0 ? new RingPublisher(parts) : new GpuRingHost(parts, gpu, gpuBlocks);
  if (gpuBlocks > 0) setLengths(geometry, control.views.words);
  const readers = plan.readers.map((_, index) => new RingSubscriber(parts, index, publisher.head));
  const blocks = Array.from(
    { length: gpuBlocks },
    (_, block) => new GpuBlock(parts, gpu, gpuBlocks, block),
  );
  return {
    memory,
    sockets,
    programs: [publisher, ...readers, ...blocks],
    ...(gpuBlocks === 0 ? {} : { streams: blocks.map(() => ({ owner: 0, exited: 0 })) }),
    head: control.region.base + Header.head,
    pages,
    hasUnread: (reader, done, head) => {
      // A publisher that dies before it stores where the newest message starts leaves a `latest` reader that is far
      // behind without a way to it: in the bytes layout it may rest there.
      const isLatest = plan.readers[reader]?.delivery === 'latest' && plan.layout === 'bytes';
      return distance32(head, done) > 0 && !(isLatest && mayDie && isFar(plan, head, done));
    },
    mayLose: (reader, from, head) => mayLose(plan, reader, from, head),
  };
}

export function checkRing(code: RingCode, plan: RingPlan, options: CheckOptions): Report {
  const readersDie =
    (options.crashes ?? []).some((who) => who !== 'publisher') || options.shuts !== undefined;
  const mayDie = options.crashes?.includes('publisher') === true;
  return check((memory) => buildRing(memory, code, { ...plan, readersDie }, mayDie), options);
}
