/** kernels/ring-layout.h, the layers of TypeScript and the packing of batches say the same: a C program tells. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  BATCH_BYTES,
  BatchWord,
  BLOCK_THREADS,
  CONTEXT_BYTES,
  PLAN_THREADS,
  RESULT_BYTES,
  ResultByte,
  SLOTS_PER_BLOCK,
  SMALL_MESSAGES,
  STATE_BYTES,
  STYLE_BYTES,
  STYLE_COUNT,
} from '../../../src/bus/publisher/gpu-batch.js';
import {
  Header,
  HeaderDouble,
  MessageKind,
  RING_SLOT_BYTES,
  SLOT_PAYLOAD_BYTES,
  SLOT_PAYLOAD_OFFSET_BYTES,
} from '../../../src/layout/index.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-ring-layout-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const kernels = fileURLToPath(new URL('../../../../kernels', import.meta.url));
const compiler = ['cc', 'gcc', 'clang'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

/** An expression in C → what TypeScript takes it for. */
const EXPECTED = new Map<string, number>([
  ['HEADER_HEAD', Header.head],
  ['HEADER_HIGH_A', Header.highA],
  ['HEADER_HIGH_B', Header.highB],
  ['HEADER_NEWEST_START', Header.newestStart],
  ['HEADER_PUBLISHED', HeaderDouble.published],
  ['HEADER_BYTES', HeaderDouble.bytes],
  ['SLOT_BYTES', RING_SLOT_BYTES],
  ['SLOT_PAYLOAD_OFFSET', SLOT_PAYLOAD_OFFSET_BYTES],
  ['SLOT_PAYLOAD_BYTES', SLOT_PAYLOAD_BYTES],
  ['KIND_TYPE_MASK', MessageKind.typeMask],
  ['KIND_CONTINUATION', MessageKind.continuation >>> 0],
  ['BLOCK_THREADS', BLOCK_THREADS],
  ['PLAN_THREADS', PLAN_THREADS],
  ['SLOTS_PER_BLOCK', SLOTS_PER_BLOCK],
  ['LANES_PER_SLOT * SLOTS_PER_BLOCK', BLOCK_THREADS],
  ['SMALL_MESSAGES', SMALL_MESSAGES],
  ['STYLE_COUNT', STYLE_COUNT],
  ['sizeof(struct Context)', CONTEXT_BYTES],
  ['offsetof(struct Context, byteLength)', 4],
  ['offsetof(struct Context, type)', 8],
  ['offsetof(struct Context, slot)', 12],
  ['sizeof(struct Style)', STYLE_BYTES],
  ['offsetof(struct Style, suffixLength)', 1],
  ['offsetof(struct Style, prefix)', 8],
  ['offsetof(struct Style, suffix)', 24],
  ['sizeof(struct State)', STATE_BYTES],
  ['sizeof(struct Batch)', BATCH_BYTES],
  ['sizeof(struct SmallBatch)', BATCH_BYTES + SMALL_MESSAGES * CONTEXT_BYTES],
  ['offsetof(struct SmallBatch, contexts)', BATCH_BYTES],
  ['sizeof(struct Result)', RESULT_BYTES],
  ...Object.entries(BatchWord).map(([name, word]): [string, number] => [
    `offsetof(struct Batch, ${name})`,
    word * 4,
  ]),
  ...Object.entries(ResultByte).map(([name, byte]): [string, number] => [
    `offsetof(struct Result, ${name})`,
    byte,
  ]),
]);

describe('the structures of the ring kernels', () => {
  it('are packed as the kernels read them', (t) => {
    if (compiler === undefined) {
      t.skip('no C compiler');
      return;
    }
    const lines = [...EXPECTED.keys()].map((name) => `  printf("%lld\\n", (long long)(${name}));`);
    const source =
      '#include <stddef.h>\n#include <stdio.h>\n#include "ring-layout.h"\n' +
      `int main(void) {\n${lines.join('\n')}\n  return 0;\n}\n`;
    writeFileSync(join(folder, 'layout.c'), source);
    const program = join(folder, 'layout');
    const words = ['-I', kernels, '-Wall', '-Werror', '-o', program, join(folder, 'layout.c')];
    const compiled = spawnSync(compiler, words, { encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stderr);
    const { stdout } = spawnSync(program, { encoding: 'utf8' });
    const found = stdout.trim().split('\n').map(Number);
    assert.deepEqual(
      new Map([...EXPECTED.keys()].map((name, index) => [name, found[index]])),
      EXPECTED,
    );
  });
});
