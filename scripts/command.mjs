/** Runs a program from the root of the repository with this terminal as its own. */
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository, without a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Runs `program` to its end and returns its exit status. Programs of npm packages are found. */
export function run(program, words) {
  const path = [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const env = { ...process.env, PATH: path };
  const { status, error, signal } = spawnSync(program, words, { cwd: root, stdio: 'inherit', env });
  if (error !== undefined) {
    console.error(`cannot run ${program}: ${error.message}`);
    return 127;
  }
  return status ?? (signal === 'SIGINT' ? 130 : 143);
}
