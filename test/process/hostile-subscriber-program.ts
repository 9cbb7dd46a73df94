/** A subscriber that does what its mode says, until it is killed. 'working' is said once it has begun. */

import { SystemCallError } from '../../src/ffi/index.js';
import { encodeFrame, FrameType } from '../../src/layout/handshake.js';
import { MAX_LEASES, Page } from '../../src/layout/index.js';
import { endWithParent, given, tell } from './program.js';
import { Random } from './random.js';
import { helloOf, RawClient, type Welcomed } from './raw-client.js';

export type HostileMode =
  'lies' | 'hoards' | 'deaf' | 'garbage' | 'crowd' | 'half' | 'never acknowledges' | 'rings';

const { mode, path } = given<{ mode: HostileMode; path: string }>();
const random = new Random(7);
const pages: Welcomed[] = [];

async function welcomed(changes = {}): Promise<{ client: RawClient; page: Welcomed } | undefined> {
  const client = new RawClient(path);
  const page = await client.greet(helloOf(changes));
  if (page === undefined) {
    client.close();
    return undefined;
  }
  pages.push(page);
  return { client, page };
}

/** Every word that a publisher reads, at random and at its edges, as fast as it goes. */
async function lie(): Promise<void> {
  const { client, page } = (await welcomed())!;
  client.acknowledge(page.epoch);
  const { words } = page;
  const edges = [0, 1, -1, 2, 0x7fffffff, -0x80000000, 64, 384, 65_536];
  const targets = [Page.armed, Page.cursor, Page.publisherArmed, Page.granted, Page.joinLow];
  for (let round = 0; ; round++) {
    for (let i = 0; i < 5000; i++) {
      const target =
        random.below(3) === 0
          ? Page.lease + random.below(MAX_LEASES)
          : random.below(8) === 0
            ? random.below(words.length)
            : random.pick(targets);
      words[target] = random.below(2) === 0 ? random.pick(edges) : random.below(2 ** 32) | 0;
    }
    if (round === 2) tell('working');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Takes every lease that is granted, and those that are not, on slot after slot; never lets go. */
async function hoard(): Promise<void> {
  const { client, page } = (await welcomed({ leases: 16, maxLag: 1 }))!;
  client.acknowledge(page.epoch);
  for (let slot = 0; ; slot++) {
    for (let word = 0; word < MAX_LEASES; word++) {
      Atomics.store(page.words, Page.lease + word, ((slot + word) % 64) + 1);
    }
    if (slot === 3) tell('working');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Asks for a WAKE at every turn and reads none of them. */
async function stayDeaf(): Promise<void> {
  const { page } = (await welcomed())!;
  tell('working');
  for (;;) {
    Atomics.store(page.words, Page.armed, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Wakes the publisher without end and asks for statistics on top. */
async function ring(): Promise<void> {
  const { client, page } = (await welcomed())!;
  client.acknowledge(page.epoch);
  const wake = encodeFrame(FrameType.WAKE);
  const stats = encodeFrame(FrameType.STATS);
  for (let round = 0; ; round++) {
    for (let i = 0; i < 50; i++) client.send(i % 10 === 0 ? stats : wake);
    if (round === 20) tell('working');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function sendGarbage(): Promise<void> {
  for (let round = 0; ; round++) {
    const met = await welcomed();
    for (let i = 0; i < 20 && met !== undefined; i++) {
      const junk = Uint8Array.from({ length: 1 + random.below(200) }, () => random.below(256));
      if (!met.client.send(junk)) break;
    }
    met?.client.close();
    if (round === 10) tell('working');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Two hundred connections, some silent, some welcomed, all of them kept. */
async function crowd(): Promise<void> {
  const clients: RawClient[] = [];
  for (let i = 0; i < 200; i++) {
    try {
      const client = new RawClient(path);
      if (i % 2 === 0) client.send(encodeFrame(FrameType.HELLO, helloOf({ leases: 1, maxLag: 1 })));
      clients.push(client);
    } catch {
      // The queue of the listener is full for the moment.
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  tell('working');
  for (;;) {
    for (const client of clients) client.send(encodeFrame(FrameType.WAKE));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Leaves at each step of the handshake, again and again. */
async function leaveHalfway(): Promise<void> {
  const hello = encodeFrame(FrameType.HELLO, helloOf());
  const steps: ((client: RawClient) => unknown)[] = [
    () => undefined,
    (client) => client.send(hello.subarray(0, 7)),
    (client) => client.send(hello.subarray(0, 40)),
    (client) => client.send(hello),
    (client) => client.greet(helloOf()),
    async (client) => {
      const page = await client.greet(helloOf());
      if (page !== undefined) client.acknowledge(page.epoch);
    },
    async (client) => {
      const page = await client.greet(helloOf());
      if (page !== undefined) client.acknowledge(page.epoch + 7);
    },
  ];
  for (let round = 0; ; round++) {
    for (const step of steps) {
      const client = new RawClient(path);
      await step(client);
      client.close();
    }
    if (round === 3) tell('working');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function neverAcknowledge(): Promise<void> {
  await welcomed();
  tell('working');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

const modes: Record<HostileMode, () => Promise<void>> = {
  lies: lie,
  hoards: hoard,
  deaf: stayDeaf,
  garbage: sendGarbage,
  crowd,
  half: leaveHalfway,
  'never acknowledges': neverAcknowledge,
  rings: ring,
};
endWithParent();
await modes[mode]().catch((error: unknown) => {
  // The publisher is gone: the test is over.
  if (!(error instanceof SystemCallError)) throw error;
});
