/** Where a run of benchmarks may write, and what its programs inherit, for the length of one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function folderOf(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Programs of the suites inherit the environment. */
export function withVariable(test: TestContext, name: string, value: string): void {
  const former = process.env[name];
  process.env[name] = value;
  test.after(() => {
    if (former === undefined) delete process.env[name];
    else process.env[name] = former;
  });
}
