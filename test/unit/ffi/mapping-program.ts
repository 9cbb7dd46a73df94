/** Helper of mapping.test.ts: what becomes of an address range, seen in /proc/self/maps. */
import assert from 'node:assert/strict';
import { readFileSync, writeSync } from 'node:fs';
import { closeDescriptor, ftruncate, mapShared, memfdCreate } from '../../../src/ffi/index.js';
import { addressOf } from '../../../src/ffi/koffi.js';

/** So large that nothing else fills the hole. */
const RANGE_BYTES = 256 * 1024 * 1024;
const MAX_COLLECTIONS = 50;

function memfdOf(byteLength: number): number {
  const fd = memfdCreate('mapping program', { sealing: true });
  ftruncate(fd, byteLength);
  return fd;
}

/** How many bytes from `address` on are mapped to anything. */
function mappedBytes(address: bigint): number {
  const end = address + BigInt(RANGE_BYTES);
  let bytes = 0n;
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const [, low, high] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (low === undefined || high === undefined) continue;
    const from = BigInt(`0x${low}`) > address ? BigInt(`0x${low}`) : address;
    const to = BigInt(`0x${high}`) < end ? BigInt(`0x${high}`) : end;
    if (to > from) bytes += to - from;
  }
  return Number(bytes);
}

async function collectUntil(done: () => boolean): Promise<void> {
  for (let round = 0; round < MAX_COLLECTIONS && !done(); round += 1) {
    globalThis.gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(done());
}

const scenarios: Readonly<Record<string, () => Promise<void> | void>> = {
  'unmaps-when-collected': async () => {
    const fd = memfdOf(RANGE_BYTES);
    let mapping = mapShared(fd, RANGE_BYTES, 'read-write');
    let first: Uint8Array | undefined = new Uint8Array(mapping.view(0, RANGE_BYTES)).fill(1, 0, 9);
    let second: Uint8Array | undefined = new Uint8Array(mapping.view(4096, 64));
    const address = addressOf(first);
    mapping.close();
    mapping = undefined as never;
    await collectUntil(() => mappedBytes(address) === RANGE_BYTES);
    assert.equal(first[0]! + second[0]!, 0);
    first = undefined;
    globalThis.gc!();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(mappedBytes(address), RANGE_BYTES, 'one view is left');
    assert.equal(second[0], 0);
    second = undefined;
    await collectUntil(() => mappedBytes(address) < RANGE_BYTES / 2);
    closeDescriptor(fd);
    console.log('ok');
  },
  'unmaps-at-once': () => {
    const fd = memfdOf(RANGE_BYTES);
    const size = (): number =>
      Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
    const before = size();
    for (let round = 0; round < 100; round += 1) mapShared(fd, RANGE_BYTES, 'read').close();
    assert.ok(size() - before < RANGE_BYTES / 1024, 'a mapping without views is unmapped by close');
    console.log('ok');
  },
  'reports-dropped': async () => {
    const fd = memfdOf(4096);
    let warning = '';
    process.on('warning', ({ name, message }) => (warning = `${name}: ${message}`));
    mapShared(fd, 4096, 'read').view(0, 64);
    await collectUntil(() => warning !== '');
    assert.match(warning, /SluiceLeakWarning: .* 4096 bytes/);
    console.log('ok');
  },
  'writes-read-only': () => {
    const bytes = new Uint8Array(mapShared(3, 4096, 'read').view(0, 4096));
    // Not console.log: what it has not flushed would die with this process.
    writeSync(1, `reads ${bytes[0]}\n`);
    bytes[0] = 6;
    writeSync(1, 'wrote\n');
  },
};

await scenarios[process.argv[2]!]!();
