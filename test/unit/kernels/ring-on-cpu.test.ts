/**
 * kernels/ring.cu compiled for the processor, against the twin that the simulator runs: what the tests of the bus see of
 * a simulated GPU is what the kernels do. Memory is watched by the sanitizers of the compiler.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROUNDS = 12;

const folder = mkdtempSync(join(tmpdir(), 'sluice-ring-on-cpu-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const includes = ['-I', join(root, 'test/unit/kernels/on-cpu'), '-I', join(root, 'kernels')];
const checked = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** A source with what only a GPU, or only the simulator, has replaced; each pattern must be there. */
function adapted(path: string, changes: readonly (readonly [RegExp, string])[]): string {
  let text = readFileSync(join(root, path), 'utf8');
  for (const [pattern, replacement] of changes) {
    assert.match(text, pattern, path);
    text = text.replace(pattern, replacement);
  }
  return text;
}

function compile(compiler: string, words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(compiler, words, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, error?.message ?? stderr);
}

const missing = ['cc', 'c++'].filter(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status !== 0,
);

describe('the ring kernels and their twin', () => {
  const skip = missing.length > 0 && `there is no ${missing.join(' and no ')}`;

  it('write the same rings', { skip, timeout: 120_000 }, () => {
    const kernels = adapted('kernels/ring.cu', [
      [/^#include/m, '#include "cuda-on-cpu.h"\n#include'],
      [/asm volatile\("st\.relaxed\.sys\.global\.u32.*/, '*(volatile u32 *)address = value;'],
      [/asm volatile\("st\.relaxed\.sys\.global\.f64.*/, '*(volatile double *)address = value;'],
    ]);
    const twin = adapted('test/cuda-simulator/ring-kernels.c', [
      [/#include "[./]*kernels\/ring-layout\.h"/, '#include "ring-layout.h"'],
      [/#include "simulator\.h"/, '#include "twin-alone.h"'],
    ]);
    writeFileSync(join(folder, 'ring.cpp'), kernels);
    writeFileSync(join(folder, 'twin.c'), twin);
    compile('cc', [...checked, ...includes, '-c', '-o', 'twin.o', 'twin.c']);
    const sources = [join(root, 'test/unit/kernels/on-cpu/compare.cpp'), 'ring.cpp', 'twin.o'];
    const words = ['-std=c++17', '-pthread', '-Wno-unknown-pragmas', ...checked, ...includes];
    compile('c++', [...words, '-o', 'compare', ...sources]);
    const { status, stdout, stderr } = spawnSync(join(folder, 'compare'), [String(ROUNDS)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^0 of 12 rounds differ$/m);
  });
});
