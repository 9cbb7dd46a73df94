/** Where a program is, as execvp(3) would look for it: so that a mistyped name is told before anything is started. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

/** What execvp(3) takes when there is no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The path of `name`, or undefined: a name with a slash is a path from `directory`, another one is looked for in PATH. */
export function findProgram(
  name: string,
  directory: string,
  path: string = DEFAULT_PATH,
): string | undefined {
  if (name === '') return undefined;
  if (name.includes('/')) {
    const file = resolve(directory, name);
    return isProgram(file) ? file : undefined;
  }
  return path
    .split(delimiter)
    .map((folder) => resolve(directory, folder, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
