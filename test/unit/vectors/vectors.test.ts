/**
 * The test vectors of spec/: that they are what the code makes, and that spec/protocol.md suffices to read them. The
 * decoders beside this file, in TypeScript and in Python, are written from the document and import nothing of src/.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot } from '../repository/tree.js';
import { type Json, Refused } from './foreign-fields.js';
import { align, decodeFormat, planesOf } from './format-decoder.js';
import { decodeFrame } from './handshake-decoder.js';
import { decodeManifest } from './manifest-decoder.js';
import {
  decodeControl,
  decodePage,
  decodePool,
  decodeSlots,
  decodeUnits,
} from './memory-decoder.js';

const folder = join(repositoryRoot, 'spec/vectors');

interface Case extends Json {
  readonly name: string;
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly outcome: 'accepted' | 'refused' | 'incomplete';
  readonly receiver: string;
  readonly channel: string;
}

interface Cases {
  readonly file: string;
  readonly cases: readonly Case[];
}

interface Ring extends Case {
  readonly head: number;
  readonly high: number;
  readonly oldest: { readonly position: number; readonly sequence: number };
  readonly messages: readonly Json[];
}

const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
  readonly handshake: Cases;
  readonly manifests: Cases;
  readonly geometry: { readonly video: readonly Json[]; readonly tensor: readonly Json[] };
  readonly arithmetic: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly halfFloats: { readonly narrowed: number; readonly widened: number };
  readonly pools: readonly Case[];
  readonly pages: readonly Case[];
  readonly rings: readonly Ring[];
};

function bytesOf(file: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, file)));
}

function viewOf(file: string): DataView {
  return new DataView(bytesOf(file).buffer);
}

/** `found`, in the keys that `stated` has as well. */
function assertStated(found: Json, stated: Json, where: string): void {
  const wanted = Object.fromEntries(Object.keys(found).map((key) => [key, stated[key]]));
  assert.deepEqual(found, wanted, where);
}

type Outcome = readonly [string, string?, string?];

function outcomeOf(decode: () => unknown): Outcome {
  try {
    return [decode() === undefined ? 'incomplete' : 'accepted'];
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return ['refused', error.problem, error.field];
  }
}

function eachCase(
  { file, cases }: Cases,
  decode: (bytes: Uint8Array, from: Case) => unknown,
): void {
  const all = bytesOf(file);
  let end = 0;
  for (const entry of cases) {
    assert.equal(entry.offset, end, 'no byte without a case');
    end += entry.byteLength;
    const bytes = all.slice(entry.offset, end);
    const found = outcomeOf(() => decode(bytes, entry));
    const { outcome, problem, field } = entry as Json;
    const wanted = outcome === 'refused' ? [outcome, problem, field] : [outcome];
    assert.deepEqual(found, wanted, entry.name);
  }
  assert.equal(end, all.length);
}

function runPython(vectors: string): { readonly status: number | null; readonly output: string } {
  const program = join(repositoryRoot, 'test/unit/vectors/python/decode_vectors.py');
  const { status, stdout, stderr } = spawnSync('python3', ['-B', program, vectors], {
    encoding: 'utf8',
  });
  return { status, output: status === 0 ? stdout : stderr };
}

const hasPython = spawnSync('python3', ['--version']).status === 0;

describe('the files in spec/vectors', () => {
  it('are what the code makes', () => {
    const program = join(repositoryRoot, 'scripts/write-vectors.mjs');
    const { status, stderr } = spawnSync(process.execPath, [program, '--check'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
});

describe('spec/protocol.md suffices to read', () => {
  it('frames of the handshake', () => {
    eachCase(index.handshake, (bytes, entry) => {
      const frame = decodeFrame(bytes, entry.receiver);
      if (frame === undefined) return undefined;
      assert.equal(frame.type, entry['type'], entry.name);
      const stated = entry['body'] as Json | null;
      if ((stated as Json | null)?.['role'] === 'observer') {
        assertStated(frame.body as Json, stated as Json, entry.name);
      } else assert.deepEqual(frame.body, stated, entry.name);
      return frame;
    });
  });

  it('manifests', () => {
    eachCase(index.manifests, (bytes, entry) => {
      const found = decodeManifest(bytes, entry.channel);
      assertStated(found, entry, entry.name);
      return found;
    });
  });

  it('planes and tensors', () => {
    for (const { pixelFormat, width, height, frameBytes, planes } of index.geometry.video) {
      const found = planesOf(pixelFormat as string, width as number, height as number);
      assert.deepEqual(found, planes, `${String(pixelFormat)} ${String(width)}x${String(height)}`);
      const last = found.at(-1);
      assert.equal((last?.[5] ?? 0) + (last?.[6] ?? 0), frameBytes);
    }
    for (const { format, frameBytes, places, dims } of index.geometry.tensor) {
      const found = decodeFormat(format, 'frame');
      assert.deepEqual([found.frameBytes, found.places, found.dims], [frameBytes, places, dims]);
    }
  });

  it('sizes and distances', () => {
    const of = (key: string): readonly (readonly number[])[] => index.arithmetic[key] ?? [];
    for (const [slots = 0, indexSize = 0, ...rest] of of('pool')) {
      const records = align(256 + 4 * indexSize, 64);
      assert.deepEqual(rest, [records, align(records + 256 * slots, 4096)]);
      assert.ok(Number.isInteger(Math.log2(indexSize)) && indexSize / 2 < slots);
      assert.ok(indexSize >= slots);
    }
    for (const [slots = 0, ...rest] of of('slotsRing')) {
      assert.deepEqual(rest, [slots / 4, align(256 + 256 * slots, 4096)]);
    }
    for (const [units = 0, ...rest] of of('bytesRing')) {
      assert.deepEqual(rest, [units / 2, align(256 + 64 * units, 4096)]);
    }
    for (const [byteLength = 0, slots] of of('slotsOfMessage')) {
      assert.equal(Math.max(1, Math.ceil(byteLength / 240)), slots);
    }
    for (const [byteLength = 0, ...units] of of('unitsOfRecord')) {
      assert.deepEqual(units, [
        Math.ceil((32 + byteLength) / 64),
        Math.ceil((64 + byteLength) / 64),
      ]);
    }
    for (const [to = 0, from = 0, distance] of of('distance')) {
      assert.equal((to - from + 2 ** 32) % 2 ** 32, distance);
    }
    for (const [frameBytes = 0, slotBytes] of of('slotBytes')) {
      assert.equal(align(frameBytes, 4096), slotBytes);
    }
  });

  it('half floats: what is narrowed is nearest, what is widened is equal', () => {
    const view = viewOf('half-floats.bin');
    const { narrowed, widened } = index.halfFloats;
    for (let at = 0; at < narrowed * 8; at += 8) {
      const value = view.getFloat32(at, true);
      const sign = view.getUint32(at, true) >>> 31;
      for (const [offset, mantissaBits] of [
        [4, 10],
        [6, 7],
      ] as const) {
        const bits = view.getUint16(at + offset, true);
        assert.equal(bits >>> 15, sign);
        if (Number.isNaN(value)) {
          assert.ok(Number.isNaN(halfValue(bits, mantissaBits)));
          assert.equal((bits >>> (mantissaBits - 1)) & 1, 1, 'quiet');
        } else assertNearest(Math.abs(value), bits & 0x7fff, mantissaBits);
      }
    }
    for (let at = narrowed * 8; at < narrowed * 8 + widened * 12; at += 12) {
      const bits = view.getUint16(at, true);
      assert.equal(view.getUint32(at + 4, true) >>> 31, bits >>> 15);
      assert.deepEqual(view.getFloat32(at + 4, true), halfValue(bits, 10));
      assert.deepEqual(view.getUint32(at + 8, true), bits * 65536);
    }
    assert.equal(view.byteLength, narrowed * 8 + widened * 12);
  });

  it('pools, their records and pages', () => {
    for (const pool of index.pools) {
      assertStated(decodePool(viewOf(pool.file)), pool, pool.file);
    }
    for (const page of index.pages) {
      const { length } = page['mirrors'] as readonly string[];
      assertStated(decodePage(viewOf(page.file), length), page, page.file);
    }
    const [page] = index.pages as readonly [Case];
    const [, pool] = index.pools as readonly [Case, Case];
    const [lease = 0] = page['leases'] as readonly number[];
    const held = (pool['records'] as readonly Json[])[lease - 1];
    assert.equal(held?.['sequence'], page['cursor'], 'the leased frame is still there');
  });

  it('how a reader on a GPU waits for each frame of a pool', () => {
    const page = index.pages.at(-1) as Case;
    const pool = index.pools.at(-1) as Case;
    const mirroredFrom = page['mirroredFrom'] as number;
    const mirrors = (page['mirrors'] as readonly string[]).map((digits) => Number(`0x${digits}`));
    // Section 12.4, and of what is not reached whether a stream that waits for the mirror goes on at once.
    const ways = (pool['records'] as readonly Json[]).map(({ sequence, fence }, slot) => {
      if (fence === sequence) return 'reached';
      if ((sequence as number) < mirroredFrom) return 'the CPU looks';
      const isPassed = (mirrors[slot] ?? 0) - (sequence as number) >= 0;
      return isPassed ? 'a stream goes on' : 'a stream waits';
    });
    const rest = ['reached', 'reached', 'a stream goes on', 'a stream waits'];
    assert.deepEqual(ways, ['the CPU looks', ...rest], 'mirrors come before the fence');
    assert.deepEqual(pool['pending'], [0, 3, 4]);
    assert.equal(mirrors[0], 0, 'no job names a page that came later');
  });

  it('rings', () => {
    for (const ring of index.rings) assertRing(ring);
  });

  it('all of it in Python', { skip: hasPython ? false : 'there is no python3' }, () => {
    const { status, output } = runPython(folder);
    assert.equal(status, 0, output);
    const counts = JSON.parse(output) as Readonly<Record<string, number>>;
    assert.equal(counts['handshake'], index.handshake.cases.length);
    assert.equal(counts['manifests'], index.manifests.cases.length);
    assert.ok(Object.values(counts).every((count) => count > 0));
  });

  it('and Python sees every file that differs', { skip: !hasPython }, () => {
    const copy = mkdtempSync(join(tmpdir(), 'sluice-vectors-'));
    try {
      cpSync(folder, copy, { recursive: true });
      for (const [file, offset] of [
        ['handshake.bin', 6],
        ['half-floats.bin', 12],
        ['pool-after-carry.bin', 328],
        ['pool-of-gpu.bin', 256 + 64 + 16],
        ['reader-page.bin', 256],
        ['reader-page-of-gpu.bin', 1024 + 8],
        ['slots-ring.bin', 68],
        ['bytes-ring.bin', 136],
      ] as const) {
        const bytes = bytesOf(file);
        bytes[offset] = (bytes[offset] ?? 0) ^ 2;
        writeFileSync(join(copy, file), bytes);
        assert.equal(runPython(copy).status, 1, file);
        writeFileSync(join(copy, file), bytesOf(file));
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

function assertRing(ring: Ring): void {
  const view = viewOf(ring.file);
  const control = decodeControl(view);
  assertStated(control.facts, ring, ring.file);
  assert.equal(control.head, ring.high * 2 ** 32 + ring.head);
  assert.equal(view.getUint32(232, true), ring['samplePosition']);
  assert.equal(view.getUint32(164, true), ring['newestSequence']);
  assert.equal(view.getFloat64(240, true), ring['sampleTimeNs']);
  let { position } = ring.oldest;
  assert.ok(control.head + control.writeAhead - position <= control.slots, 'in reach');
  const messages: Json[] = [];
  let padding = 0;
  while (position < control.head) {
    const { message, units } =
      control.kind === 2
        ? decodeSlots(view, control, position)
        : decodeUnits(view, control, position, padding);
    padding = message === undefined ? units : 0;
    if (message !== undefined) messages.push(message);
    position += units;
  }
  assert.equal(position, control.head, 'the head is the end of a message');
  assert.deepEqual(messages, ring.messages);
  assert.equal(messages[0]?.['sequence'], ring.oldest.sequence);
  const newest = messages.at(-1)?.['position'] as number;
  assert.equal(newest % 2 ** 32, view.getUint32(160, true), 'newestStart');
}

/** The value of a 16-bit float: 10 bits of fraction in f16, 7 in bf16. */
function halfValue(bits: number, fractionBits: number): number {
  const exponentBits = 15 - fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> fractionBits) % 2 ** exponentBits;
  const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** That no neighbour is nearer to `value`, and that a tie went to the even one. */
function assertNearest(value: number, bits: number, fractionBits: number): void {
  const top = 2 ** 15 - 2 ** fractionBits;
  const where = `${value} as ${bits.toString(16)}`;
  // Beyond the largest finite one the next step decides, as if there were one more exponent.
  const valueOf = (half: number): number =>
    half < top ? halfValue(half, fractionBits) : 2 ** (2 ** (14 - fractionBits));
  if (value === Infinity) return assert.equal(bits, top, where);
  const distance = Math.abs(valueOf(bits) - value);
  for (const other of [bits - 1, bits + 1]) {
    if (other < 0 || other > top) continue;
    const otherDistance = Math.abs(valueOf(other) - value);
    assert.ok(distance <= otherDistance, where);
    if (distance === otherDistance) assert.equal(bits % 2, 0, `${where}: ties go to even`);
  }
}
