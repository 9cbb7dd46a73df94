/** Publisher and subscriber in containers that have nothing in common but a directory. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { contained, GROUP, sharedDirectory, withoutContainers } from './container.js';
import { descendantsOf, type Namespace, namespaceOf, sharedMemoryOf } from './process-tree.js';
import { endAll, Program } from './program.js';
import { Runtime } from './runtime.js';

const skip = withoutContainers() ?? false;
after(endAll);

const CAMERA = { uid: 1000, gid: GROUP };
const DETECTOR = { uid: 1001, gid: GROUP };

async function publisherIn(shared: string): Promise<Program> {
  const options = { directory: '/run/sluice', allow: { uids: [DETECTOR.uid] } };
  const place = contained({ shared, at: 'sluice', ...CAMERA });
  const publisher = new Program(
    'writer-program',
    { channel: 'frames', kind: 'frames', options },
    place,
  );
  assert.equal(await publisher.line(), 'open');
  return publisher;
}

/** Under another name of the directory: nothing in it depends on where it is. */
function subscriberIn(shared: string, allow: readonly number[] = [CAMERA.uid]): Program {
  const options = {
    directory: '/run/streams',
    allow: { uids: allow },
    delivery: 'every',
    maxLag: 30,
  };
  const place = contained({ shared, at: 'streams', ...DETECTOR });
  return new Program('reader-program', { channel: 'frames', kind: 'frames', options }, place);
}

interface Stats {
  readonly received: number;
  readonly reconnects: number;
  readonly bytesInPlace: number;
  readonly bytesCopied: number;
}

/** Asks until the answer is the one that is waited for. */
async function untilStats(subscriber: Program, holds: (stats: Stats) => boolean): Promise<void> {
  while (!holds(JSON.parse(await subscriber.ask('stats')) as Stats));
}

/** The program itself: the last one below unshare and the first process of the container. */
function insideOf(program: Program): number {
  return descendantsOf(program.pid).at(-1)!;
}

describe('containers', { skip, timeout: 120_000 }, () => {
  it('that share a directory share frames, in place', async (test) => {
    const shared = sharedDirectory(new Runtime(test));
    const publisher = await publisherIn(shared);
    const subscriber = subscriberIn(shared);
    assert.equal(await subscriber.line(), 'open');
    const [one, other] = [insideOf(publisher), insideOf(subscriber)];
    for (const kind of ['pid', 'ipc', 'mnt', 'net', 'uts'] satisfies Namespace[]) {
      const names = [one, other, 'self' as const].map((pid) => namespaceOf(pid, kind));
      assert.equal(new Set(names).size, 3, `${kind}: ${names.join(' ')}`);
    }
    await publisher.ask('20');
    await untilStats(subscriber, ({ received }) => received === 20);
    const { bytesInPlace, bytesCopied } = JSON.parse(await subscriber.ask('stats')) as Stats;
    assert.ok(bytesInPlace > 0 && bytesCopied === 0);
    // The same memory, not a copy of it: control block, slots and the subscriber's page.
    const common = [...sharedMemoryOf(one)].filter((inode) => sharedMemoryOf(other).has(inode));
    assert.ok(common.length >= 3, `they share ${common.length} pieces of memory`);
  });

  it('notice when the other one is gone', async (test) => {
    const shared = sharedDirectory(new Runtime(test));
    const publisher = await publisherIn(shared);
    const first = subscriberIn(shared);
    assert.equal(await first.line(), 'open');
    await publisher.ask('5');
    await untilStats(first, ({ received }) => received === 5);
    // Of a publisher: the next one is read, in yet another container.
    await publisher.kill();
    await untilStats(first, ({ reconnects }) => reconnects >= 1);
    const second = await publisherIn(shared);
    const received = async (): Promise<number> =>
      (JSON.parse(await first.ask('stats')) as Stats).received;
    while ((await received()) === 5) await second.ask('1');
    // Of a subscriber: the publisher lets go of its page.
    const mapped = (): number => sharedMemoryOf(insideOf(second)).size;
    const withOne = mapped();
    await first.kill();
    while (mapped() === withOne) await second.ask('1');
    const next = subscriberIn(shared);
    assert.equal(await next.line(), 'open');
  });

  it('are users of their own: who is not allowed is refused', async (test) => {
    const shared = sharedDirectory(new Runtime(test));
    await publisherIn(shared);
    const refusal = await subscriberIn(shared, []).line();
    assert.match(refusal, /^failed ACCESS_DENIED .*runs as user 1000/);
  });
});
