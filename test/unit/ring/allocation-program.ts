/** Counts the bytes of heap a message for writing and reading rings; run with --expose-gc and a large young space. */
import { getHeapStatistics } from 'node:v8';
import { slotsOfMessage } from '../../../src/layout/index.js';
import { HEADER, join, LAYOUTS, makeRing, type RingLayout } from './ring-fixture.js';

export interface Allocation {
  readonly name: string;
  readonly bytesPerMessage: number;
}

const MESSAGES = 500_000;
const PARTS = 11;
const SLOTS = 4096;

export interface Course {
  readonly layout: RingLayout;
  readonly start: number;
  readonly byteLength: number;
  readonly batch: number;
  readonly pinned: boolean;
  /** Messages between two drains. */
  readonly burst: number;
}

function measure({ layout, start, byteLength, batch, pinned, burst }: Course): number {
  const ring = makeRing(layout, SLOTS, start);
  const { reader } = join(ring, ring.writer.startAtHead(), { pinned });
  const payload = new Uint8Array(byteLength);
  const payloads = Array.from({ length: batch }, () => payload);
  let seen = 0;
  const visit = (view: Uint8Array, offset: number): void => {
    seen += 1 + (view[offset] as number);
  };
  const round = (): void => {
    for (let i = 0; i < burst; i += batch) {
      if (batch === 1) ring.writer.tryWrite(payload, HEADER);
      else ring.writer.tryWriteBatch(payloads, HEADER);
    }
    reader.drain(visit, 0x7fffffff);
  };
  for (let i = 0; i < MESSAGES; i += burst) round();
  globalThis.gc?.();
  const parts: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    const before = getHeapStatistics().used_heap_size;
    for (let i = 0; i < MESSAGES / PARTS; i += burst) round();
    parts.push(getHeapStatistics().used_heap_size - before);
  }
  if (seen < 2 * MESSAGES) throw new Error(`only ${seen} messages were read`);
  // Less than nothing: a collection. Of the others the lower quartile: some hold what a compiler keeps that comes late.
  const whole = parts.filter((part) => part >= 0).sort((a, b) => a - b);
  return (whole[Math.floor(whole.length / 4)] ?? Infinity) / (MESSAGES / PARTS);
}

const results: Allocation[] = [];
for (const layout of LAYOUTS) {
  for (const start of [0, 2 ** 31 - 1000, 2 ** 33]) {
    for (const [batch, burst, byteLength, pinned] of [
      [1, 1, 240, true],
      [1, 1, 240, false],
      [64, 256, 240, true],
      [16, 16, 1000, true],
    ] as const) {
      if (layout === 'slots' && burst * slotsOfMessage(byteLength) > SLOTS / 2) continue;
      const course = { layout, start, byteLength, batch, pinned, burst };
      results.push({ name: JSON.stringify(course), bytesPerMessage: measure(course) });
    }
  }
}
process.stdout.write(JSON.stringify(results));
