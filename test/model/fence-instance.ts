/** A frame pool that GPUs write and read as an instance for the search. */
import { Header, Page, poolGeometry } from '../../src/layout/index.js';
import { check, type CheckOptions, type Report } from './check.js';
import type { RingCode } from './code-under-test.js';
import { controlRegion, pageRegion } from './control-names.js';
import { type FencePlan, JobTable, WorkQueue } from './fence-plan.js';
import { FencePublisher } from './fence-publisher.js';
import { PublisherStream, ReaderStream } from './fence-streams.js';
import { FenceSubscriber } from './fence-subscriber.js';
import type { SharedMemory } from './shared-memory.js';
import { declareAtom } from './snapshot.js';
import { Sockets } from './sockets.js';
import type { Stream, World } from './world.js';

const IDENTITY = { epoch: 1, instance: [0, 0, 0, 0] as const };

function buildFences(memory: SharedMemory, code: RingCode, plan: FencePlan): World {
  const geometry = declareAtom(poolGeometry(IDENTITY, plan.slots, 64));
  const control = controlRegion(memory, geometry);
  const words = (name: string, length: number): Int32Array =>
    memory.int32(memory.region(length, (index) => `${name} ${index}`));
  const data = words('data', plan.slots);
  const pages = plan.readers.map((_, reader) =>
    pageRegion(memory, reader, Page.mirror + plan.slots * 2),
  );
  const sockets = declareAtom(new Sockets(memory, plan.readers.length));
  const jobs = declareAtom(new JobTable());
  const queue = (name: string): WorkQueue =>
    declareAtom(new WorkQueue(memory, words(name, plan.frames), jobs));
  const exits = memory.region(plan.readers.length + 1, (agent) => `exit of agent ${agent}`);
  const registered = words('registered', plan.readers.length);
  for (const reader of plan.readers.keys()) registered[reader] = 1;
  const streamNumbers = Array.from({ length: plan.streams }, (_, stream) => stream);
  const parts = declareAtom({
    memory,
    code,
    plan,
    geometry,
    control: control.views,
    data,
    pages: pages.map((page) => memory.int32(page)),
    sockets,
    registered,
    exited: memory.int32(exits),
    poisoned: words('poisoned', plan.readers.length),
    torn: plan.readers.map((_, reader) => words(`torn for reader ${reader}: job`, plan.frames)),
    publisherQueues: streamNumbers.map((stream) => queue(`P's queue ${stream} job`)),
    readerQueues: plan.readers.map((_, reader) => queue(`R${reader}'s queue job`)),
  });
  const publisher = new FencePublisher(parts);
  const readers = plan.readers.map(
    (_, index) => new FenceSubscriber(parts, index, publisher.published),
  );
  const streams: Stream[] = [
    ...streamNumbers.map(() => ({ owner: 0, exited: exits.base })),
    ...plan.readers.map((_, reader) => ({ owner: reader + 1, exited: exits.base + reader + 1 })),
  ];
  // Poison goes there whether a stream waits there or not, and a move without a shared word has no end.
  for (const { base } of pages) {
    for (let i = 0; i < plan.slots * 2; i++) memory.points.add(base + Page.mirror + i);
  }
  for (const { exited } of streams) {
    memory.points.add(exited);
    memory.contended.add(exited);
  }
  return {
    memory,
    sockets,
    programs: [
      publisher,
      ...readers,
      ...streamNumbers.map((stream) => new PublisherStream(parts, stream)),
      ...plan.readers.map((_, reader) => new ReaderStream(parts, reader)),
    ],
    head: control.region.base + Header.head,
    pages,
    streams,
    hasUnread: (_, done, head) => done !== head,
    mayLose: () => true,
  };
}

export function checkFences(code: RingCode, plan: FencePlan, options: CheckOptions): Report {
  const readersGo = (options.crashes ?? []).some((who) => who !== 'publisher');
  return check((memory) => buildFences(memory, code, { readersGo, ...plan }), options);
}
