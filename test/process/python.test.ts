/** The Python client: its own tests, which run it against the programs of this folder. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** This file runs from dist/test/process/. */
const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));

/** Interpreters in the order of trying: one with NumPy and OpenCV sees more of the client. */
const INTERPRETERS = ['/usr/bin/python3', 'python3'];

function has(interpreter: string, modules: string): boolean {
  return spawnSync(interpreter, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0;
}

function chosen(): string | undefined {
  for (const modules of [
    'pytest, numpy, cv2, torch',
    'pytest, numpy, cv2',
    'pytest, numpy',
    'pytest',
  ]) {
    const found = INTERPRETERS.find((interpreter) => has(interpreter, modules));
    if (found !== undefined) return found;
  }
  return undefined;
}

const interpreter = chosen();
const skip =
  interpreter === undefined ? 'needs python3 with pytest (Debian: python3-pytest)' : false;

describe('the Python client', { skip }, () => {
  const folder = join(repositoryRoot, 'python/tests');
  const files = readdirSync(folder)
    .filter((name) => name.startsWith('test_'))
    .sort();
  for (const file of [...files, 'gpu']) {
    it(`passes ${file}`, () => {
      const words = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', join(folder, file)];
      const { status, stdout, stderr } = spawnSync(interpreter ?? 'python3', words, {
        cwd: repositoryRoot,
        encoding: 'utf8',
        timeout: 240_000,
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      });
      if (status !== 0) throw new Error(`${stdout}\n${stderr}`.slice(-16_000));
    });
  }
});
