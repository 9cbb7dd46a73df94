/**
 * What any memory domain must do, run over each of them. A domain whose memory the processor cannot touch brings its
 * own `read` and `fill`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MemoryDomain, SlotMemory } from '../../src/memory/index.js';
import { duplicateDescriptor } from '../../src/ffi/index.js';

export interface DomainUnderTest {
  readonly domain: MemoryDomain;
  /** Sets every byte of a slot of an own pool. */
  fill(memory: SlotMemory, slot: number, value: number): void;
  /** A copy of a slot's bytes. */
  read(memory: SlotMemory, slot: number): Uint8Array;
  /** Tries to write to an imported slot: must throw or end the process. */
  writeForbidden(memory: SlotMemory, slot: number): void;
}

/** A module with `export const makeDomain: () => DomainUnderTest`, which child processes load as well. */
export interface DomainModule {
  readonly url: string;
  readonly makeDomain: () => DomainUnderTest;
}

const SIZE = { slots: 4, slotBytes: 192 * 1024 } as const;
const MANY_POOLS = 200;

const program = fileURLToPath(new URL('./memory-domain-program.js', import.meta.url));

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function assertFilled(bytes: Uint8Array, value: number, byteLength: number): void {
  assert.equal(bytes.byteLength, byteLength);
  assert.ok(
    bytes.every((byte) => byte === value),
    `every byte is ${value}`,
  );
}

/** Runs `scenario` in a process that inherits the pool's descriptor. */
async function inOtherProcess(
  url: string,
  memory: SlotMemory,
  scenario: string,
): Promise<{ readonly stdout: string; readonly failed: boolean }> {
  const sizes = [memory.slots, memory.slotBytes, memory.dataBytes].map(String);
  const child = spawn(process.execPath, [program, url, scenario, ...sizes], {
    stdio: ['ignore', 'pipe', 'ignore', memory.descriptor],
  });
  let stdout = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { stdout, failed: code !== 0 };
}

export function describeMemoryDomain(name: string, module: DomainModule): void {
  const { domain, fill, read } = module.makeDomain();
  const create = (size = SIZE): SlotMemory => domain.createPool({ label: 'conformance', ...size });
  const importOf = (pool: SlotMemory): SlotMemory =>
    domain.importPool(duplicateDescriptor(pool.descriptor), pool);

  describe(`memory domain ${name}`, () => {
    it('makes pools of zeros with the sizes asked for', () => {
      const pool = create();
      assert.deepEqual([pool.slots, pool.slotBytes], [SIZE.slots, SIZE.slotBytes]);
      assert.ok(pool.descriptor >= 0);
      for (let slot = 0; slot < pool.slots; slot += 1) {
        assertFilled(read(pool, slot), 0, SIZE.slotBytes);
      }
      pool.close();
    });

    it('shows an import what the owner writes, before and after', () => {
      const pool = create();
      fill(pool, 1, 11);
      const imported = importOf(pool);
      assert.equal(imported.descriptor, -1);
      assert.deepEqual([imported.slots, imported.slotBytes], [SIZE.slots, SIZE.slotBytes]);
      assertFilled(read(imported, 1), 11, SIZE.slotBytes);
      fill(pool, 1, 12);
      assertFilled(read(imported, 1), 12, SIZE.slotBytes);
      imported.close();
      pool.close();
    });

    it('keeps slots apart', () => {
      const pool = create();
      const imported = importOf(pool);
      for (let slot = 0; slot < pool.slots; slot += 1) fill(pool, slot, slot + 1);
      fill(pool, 2, 200);
      for (let slot = 0; slot < pool.slots; slot += 1) {
        const value = slot === 2 ? 200 : slot + 1;
        assertFilled(read(pool, slot), value, SIZE.slotBytes);
        assertFilled(read(imported, slot), value, SIZE.slotBytes);
      }
      imported.close();
      pool.close();
    });

    it('is read by another process, which cannot write', async () => {
      const pool = create();
      fill(pool, 3, 77);
      const reader = await inOtherProcess(module.url, pool, 'read');
      assert.deepEqual(reader, { stdout: 'slot 3 is 77\n', failed: false });
      const writer = await inOtherProcess(module.url, pool, 'write');
      assert.deepEqual(writer, { stdout: 'slot 3 is 77\n', failed: true });
      assertFilled(read(pool, 3), 77, SIZE.slotBytes);
      pool.close();
    });

    it('lets an import outlive its owner', () => {
      const pool = create();
      fill(pool, 0, 5);
      const imported = importOf(pool);
      pool.close();
      assert.equal(pool.descriptor, -1);
      assertFilled(read(imported, 0), 5, SIZE.slotBytes);
      imported.close();
    });

    it('closes twice without harm, and gives no slot afterwards', () => {
      const pool = create();
      const imported = importOf(pool);
      for (const memory of [imported, pool]) {
        memory.close();
        memory.close();
        assert.throws(() => memory.slotAddress(0), { code: 'CLOSED' });
        assert.throws(() => memory.slotView(0), { code: 'CLOSED' });
      }
    });

    it('refuses sizes that are none', () => {
      for (const [slots, slotBytes] of [
        [0, 64],
        [-1, 64],
        [1.5, 64],
        [1, 0],
        [1, 63],
        [1, 100],
        [1, Number.NaN],
        [Number.POSITIVE_INFINITY, 64],
      ] as const) {
        const attempt = (): void => create({ slots, slotBytes } as unknown as typeof SIZE).close();
        assert.throws(attempt, RangeError, `${slots} × ${slotBytes}`);
      }
    });

    it('refuses more memory than there is', () => {
      const size = { slots: 65_536, slotBytes: 2 ** 30 } as unknown as typeof SIZE;
      assert.throws(() => create(size), { code: 'NO_SPACE' });
    });

    it('refuses a descriptor that is not the announced pool, and closes it', () => {
      const pool = create();
      const before = openDescriptors();
      const fd = duplicateDescriptor(pool.descriptor);
      const larger = { slots: SIZE.slots + 64, slotBytes: SIZE.slotBytes };
      assert.throws(() => domain.importPool(fd, larger), { code: 'PROTOCOL' });
      const other = duplicateDescriptor(1);
      assert.throws(() => domain.importPool(other, SIZE), { code: 'PROTOCOL' });
      assert.equal(openDescriptors(), before);
      pool.close();
    });

    it('leaks no descriptor over many pools', () => {
      create().close();
      const before = openDescriptors();
      for (let round = 0; round < MANY_POOLS; round += 1) {
        const pool = create();
        const imported = importOf(pool);
        fill(pool, 0, 1);
        imported.close();
        pool.close();
      }
      assert.equal(openDescriptors(), before);
    });
  });
}
