/** Kernels compiled for the processor beside their twins of the simulator. Memory is watched by the compiler's sanitizers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const includes = ['-I', join(root, 'test/unit/kernels/on-cpu'), '-I', join(root, 'kernels')];
const checked = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** What is replaced in a source; each pattern must be there. */
export type Changes = readonly (readonly [RegExp, string])[];

/** Why nothing can be compiled here. */
export function missingCompilers(): string | false {
  const missing = ['cc', 'c++'].filter(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status !== 0,
  );
  return missing.length > 0 && `there is no ${missing.join(' and no ')}`;
}

export interface Comparison {
  /** In test/unit/kernels/on-cpu. */
  readonly program: string;
  /** By their names in kernels/. */
  readonly kernels: Readonly<Record<string, Changes>>;
  /** In test/cuda-simulator. */
  readonly twins: readonly string[];
  readonly rounds: number;
}

/** Runs the program over kernels and twins, and expects no round to differ. */
export function compareWithTwins({ program, kernels, twins, rounds }: Comparison): void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-on-cpu-'));
  const compile = (compiler: string, words: readonly string[]): void => {
    const { status, stderr, error } = spawnSync(compiler, words, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, error?.message ?? stderr);
  };
  try {
    const sources = [join(root, 'test/unit/kernels/on-cpu', program)];
    for (const [name, changes] of Object.entries(kernels)) {
      const all: Changes = [[/^#include/m, '#include "cuda-on-cpu.h"\n#include'], ...changes];
      writeFileSync(join(folder, `${name}.cpp`), adapted(`kernels/${name}.cu`, all));
      sources.push(`${name}.cpp`);
    }
    for (const name of twins) {
      const text = adapted(`test/cuda-simulator/${name}.c`, [
        [/#include "[./]*kernels\/([a-z-]+\.h)"/, '#include "$1"'],
        [/#include "simulator\.h"/, '#include "twin-alone.h"'],
      ]);
      writeFileSync(join(folder, `${name}.c`), text);
      compile('cc', [...checked, ...includes, '-c', '-o', `${name}.o`, `${name}.c`]);
      sources.push(`${name}.o`);
    }
    const words = ['-std=c++17', '-pthread', '-Wno-unknown-pragmas', ...checked, ...includes];
    compile('c++', [...words, '-o', 'compare', ...sources]);
    const { status, stdout, stderr } = spawnSync(join(folder, 'compare'), [String(rounds)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, new RegExp(`^0 of ${rounds} rounds differ$`, 'm'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A source with what only a GPU, or only the simulator, has replaced. */
function adapted(path: string, changes: Changes): string {
  let text = readFileSync(join(root, path), 'utf8');
  for (const [pattern, replacement] of changes) {
    assert.match(text, pattern, path);
    text = text.replace(pattern, replacement);
  }
  return text;
}
