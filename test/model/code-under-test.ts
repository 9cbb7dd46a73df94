/**
 * The code that the checker runs: the compiled `src/ring`, as it is or with one planted change.
 *
 * A change is a replacement of text that must occur exactly once in the compiled file. If it does not, the code has
 * moved on and the change must be written anew: {@link loadRing} throws, it never runs unchanged code by mistake.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export type RingCode = typeof import('../../src/ring/index.js');

export interface Change {
  /** File of `src/ring`, without its ending. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const source = fileURLToPath(new URL('../../src/ring/', import.meta.url));
const above = new URL('../../src/', import.meta.url).href;

/** Where the changed copies are; removed when the process ends. */
let folder: string | undefined;

function copyFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'sluice-model-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return mkdtempSync(join(folder, 'ring-'));
}

export async function loadRing(changes: readonly Change[] = []): Promise<RingCode> {
  if (changes.length === 0) return import('../../src/ring/index.js');
  const copy = copyFolder();
  cpSync(source, copy, { recursive: true, filter: (path) => !/\.(?:map|d\.ts)$/.test(path) });
  for (const name of readdirSync(copy)) {
    let text = readFileSync(join(copy, name), 'utf8').replaceAll(/(['"])\.\.\//g, `$1${above}`);
    for (const { file, find, replace } of changes) {
      if (`${file}.js` === name) text = replaceOnce(text, find, replace, name);
    }
    writeFileSync(join(copy, name), text);
  }
  // Node takes the folder's files for modules only when a package.json says so.
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }\n');
  return (await import(pathToFileURL(join(copy, 'index.js')).href)) as RingCode;
}

function replaceOnce(text: string, find: string, replace: string, name: string): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `${name}: a planted change must match once, it matches ${parts.length - 1} times: ${find}`,
    );
  }
  return parts.join(replace);
}
