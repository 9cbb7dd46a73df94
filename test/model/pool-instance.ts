/** A frame pool with its readers as an instance for the search. */
import { distance32 } from '../../src/core/index.js';
import { Header, poolGeometry } from '../../src/layout/index.js';
import { check, type CheckOptions, type Report } from './check.js';
import type { RingCode } from './code-under-test.js';
import { controlRegion, pageRegion } from './control-names.js';
import type { PoolPlan } from './pool-plan.js';
import { PoolPublisher } from './pool-publisher.js';
import { PoolSubscriber } from './pool-subscriber.js';
import type { SharedMemory } from './shared-memory.js';
import { declareAtom } from './snapshot.js';
import { Sockets } from './sockets.js';
import type { World } from './world.js';

const IDENTITY = { epoch: 1, instance: [0, 0, 0, 0] as const };

function buildPool(memory: SharedMemory, code: RingCode, plan: PoolPlan): World {
  const geometry = declareAtom(poolGeometry(IDENTITY, plan.slots, 64));
  const control = controlRegion(memory, geometry);
  const dataRegion = memory.region(
    plan.slots * 2,
    (index) => `data ${index >> 1} word ${index & 1}`,
  );
  const pages = plan.readers.map((_, reader) => pageRegion(memory, reader));
  const sockets = declareAtom(new Sockets(memory, plan.readers.length));
  const parts = declareAtom({
    memory,
    code,
    plan,
    geometry,
    control: control.views,
    data: memory.int32(dataRegion),
    pages: pages.map((page) => memory.int32(page)),
    sockets,
  });
  const publisher = new PoolPublisher(parts);
  const readers = plan.readers.map(
    (_, index) => new PoolSubscriber(parts, index, publisher.published),
  );
  return {
    memory,
    sockets,
    programs: [publisher, ...readers],
    head: control.region.base + Header.head,
    pages,
    hasUnread: (reader, done, head) => {
      const { index, count } = plan.readers[reader]?.share ?? { index: 0, count: 1 };
      for (let low = done; low !== head;) {
        low = (low + 1) | 0;
        if ((low >>> 0) % count === index) return true;
      }
      return false;
    },
    mayLose: (reader, from, head) =>
      plan.policy !== 'lossless' && distance32(head, from) > (plan.readers[reader]?.maxLag ?? 0),
  };
}

export function checkPool(code: RingCode, plan: PoolPlan, options: CheckOptions): Report {
  const readersDie =
    (options.crashes ?? []).some((who) => who !== 'publisher') || options.shuts !== undefined;
  return check((memory) => buildPool(memory, code, { ...plan, readersDie }), options);
}
