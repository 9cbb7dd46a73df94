/** The Python client's own tests, by pytest. They take long enough to stand in several files. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** This file runs from dist/test/process/. */
const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(repositoryRoot, 'python/tests');

/** Interpreters in the order of trying: one with NumPy, OpenCV and PyTorch sees more of the client. */
const INTERPRETERS = ['/usr/bin/python3', 'python3'];
const MODULES = ['pytest, numpy, cv2, torch', 'pytest, numpy, cv2', 'pytest, numpy', 'pytest'];

function has(interpreter: string, modules: string): boolean {
  return spawnSync(interpreter, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0;
}

function chosen(): string | undefined {
  for (const modules of MODULES) {
    const found = INTERPRETERS.find((interpreter) => has(interpreter, modules));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A test for each of these files below `python/tests`. */
export function pythonTests(title: string, names: readonly string[]): void {
  const interpreter = chosen();
  const skip =
    interpreter === undefined ? 'needs python3 with pytest (Debian: python3-pytest)' : false;
  describe(title, { skip }, () => {
    for (const name of names) {
      it(`passes ${name}`, () => {
        const words = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', join(folder, name)];
        const { status, stdout, stderr } = spawnSync(interpreter ?? 'python3', words, {
          cwd: repositoryRoot,
          encoding: 'utf8',
          timeout: 280_000,
          env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
        });
        if (status !== 0) throw new Error(`${stdout}\n${stderr}`.slice(-16_000));
      });
    }
  });
}

/** Files of `python/tests` that run longest: they stand in a test file of their own. */
export const LONG = ['test_ends.py', 'test_fuzz.py', 'test_groups.py', 'test_node.py'];

/** All others. */
export function otherFiles(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('test_') && !LONG.includes(name));
}
