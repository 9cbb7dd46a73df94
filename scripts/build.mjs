/**
 * Compiles the projects named on the command line, or everything: node scripts/build.mjs [folder ...]
 *
 * Outputs whose source is gone are removed first. The compiler leaves them in dist/, where they would be packed
 * and could still be imported.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, run } from './command.mjs';

const OUTPUT = /\.(js|js\.map|d\.ts)$/;

function removeStaleOutputs() {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return;
  for (const name of readdirSync(dist, { recursive: true })) {
    if (!OUTPUT.test(name)) continue;
    const source = join(root, name.replace(OUTPUT, '.ts'));
    if (!existsSync(source)) rmSync(join(dist, name));
  }
}

/** Compiles; returns the exit status of the compiler. Without projects, those of the root tsconfig.json. */
export function build(projects = []) {
  removeStaleOutputs();
  return run('tsc', ['-b', ...projects]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = build(process.argv.slice(2));
}
