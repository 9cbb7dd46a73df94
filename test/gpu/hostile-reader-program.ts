/** A subscriber of a CUDA channel that keeps to nothing: what its mode says, until it is killed. */
import { SystemCallError } from '../../src/ffi/index.js';
import { MAX_LEASES, Page } from '../../src/layout/index.js';
import { endWithParent, given, tell } from '../process/program.js';
import { Random } from '../process/random.js';
import { helloOf, RawClient, type Welcomed } from '../process/raw-client.js';

export type HostileMode =
  'scribbles' | 'hoards' | 'comes and goes' | 'names no such GPU' | 'leaves with leases';

const { mode, path, uuid } = given<{ mode: HostileMode; path: string; uuid: string }>();
const random = new Random(11);

async function welcomed(
  device: string,
): Promise<{ client: RawClient; page: Welcomed } | undefined> {
  const client = new RawClient(path);
  const page = await client.greet(helloOf({ device }));
  if (page !== undefined) {
    client.acknowledge(page.epoch);
    return { client, page };
  }
  client.close();
  return undefined;
}

/** Every word of the page, mirrors and leases more than others, over what the publisher's GPU stores there. */
async function scribble(): Promise<void> {
  const { page } = (await welcomed(uuid))!;
  const { words } = page;
  const edges = [0, 1, -1, 2, 0x3fffffff, 0x7fffffff, -0x80000000, 64, 384, 65_536];
  for (let round = 0; ; round++) {
    for (let i = 0; i < 3000; i++) {
      const target =
        random.below(2) === 0 ? Page.lease + random.below(MAX_LEASES) : random.below(words.length);
      words[target] = random.below(2) === 0 ? random.pick(edges) : random.below(2 ** 32) | 0;
    }
    if (round === 2) tell('working');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Leases on slot after slot, granted or not. */
async function hoard(): Promise<void> {
  const { page } = (await welcomed(uuid))!;
  for (let slot = 0; ; slot++) {
    for (let word = 0; word < MAX_LEASES; word++) {
      Atomics.store(page.words, Page.lease + word, ((slot + word) % 24) + 1);
    }
    if (slot === 3) tell('working');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Leaves while jobs name its page, with a clean page: its process lives on, so only zeros free its leases. */
async function comeAndGo(): Promise<void> {
  for (let round = 0; ; round++) {
    const met = await welcomed(uuid);
    await new Promise((resolve) => setTimeout(resolve, random.below(4)));
    met?.client.close();
    met?.page.page.close();
    if (round === 5) tell('working');
  }
}

/** What becomes of HELLOs whose GPU is none. */
async function nameNoGpu(): Promise<void> {
  const answers = [];
  for (const device of ['GPU-0', 'nonsense', '', 'GPU-'.padEnd(400, 'a')]) {
    const client = new RawClient(path);
    answers.push((await client.greet(helloOf({ device }))) === undefined ? 'refused' : 'welcome');
    client.close();
  }
  // Whoever runs as the publisher's user may say so; the driver then decides.
  const other = await welcomed(`GPU-${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`);
  answers.push(other === undefined ? 'refused' : 'welcome');
  tell(`working ${answers.join(' ')}`);
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

/** Its connection ends, its process does not: a GPU may read on. */
async function leaveWithLeases(): Promise<void> {
  const { client, page } = (await welcomed(uuid))!;
  Atomics.store(page.words, Page.lease, 1);
  Atomics.store(page.words, Page.lease + 1, 2);
  client.close();
  tell('working');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

const modes: Record<HostileMode, () => Promise<void>> = {
  scribbles: scribble,
  hoards: hoard,
  'comes and goes': comeAndGo,
  'names no such GPU': nameNoGpu,
  'leaves with leases': leaveWithLeases,
};
endWithParent();
await modes[mode]().catch((error: unknown) => {
  // The publisher is gone: the test is over.
  if (!(error instanceof SystemCallError)) throw error;
});
