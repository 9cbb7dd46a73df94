/** The repository as its own tests see it: its text files, their lines and what they import. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository, without a slash at its end. This file runs from dist/test/unit/repository/. */
export const repositoryRoot = fileURLToPath(new URL('../../../..', import.meta.url)).replace(
  /\/$/,
  '',
);

const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.gpu']);

/** What is read as text; a binary vector or picture is not. */
const TEXT =
  /(?:^|\/)(?:run|LICENSE|\.npmrc|\.gitignore)$|\.(?:ts|mjs|js|json|md|py|c|h|cu|sh|txt|yml)$/;

function collect(folder: string, into: string[]): void {
  const absolute = `${repositoryRoot}/${folder}`;
  for (const entry of readdirSync(absolute, { withFileTypes: true })) {
    if (NOT_OURS.has(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) collect(path, into);
    else if (entry.isFile() && TEXT.test(path)) into.push(path);
  }
}

/** Paths of all text files relative to the root, sorted: `src/core/errors.ts`. */
export function textFiles(): readonly string[] {
  const paths: string[] = [];
  collect('', paths);
  return paths.sort();
}

const texts = new Map<string, string>();

/** The text of a file of {@link textFiles}, read once. */
export function readText(path: string): string {
  let text = texts.get(path);
  if (text === undefined) {
    text = readFileSync(`${repositoryRoot}/${path}`, 'utf8');
    texts.set(path, text);
  }
  return text;
}

/** Source files of the folders that hold code. */
export function codeFiles(): readonly string[] {
  return textFiles().filter((path) =>
    /^(?:src|test|bench|examples|scripts)\/.*\.(?:ts|mjs|js)$/.test(path),
  );
}

/** `path:line: text` of every line that `isBad` says yes to. */
export function findLines(
  paths: readonly string[],
  isBad: (line: string) => boolean,
): readonly string[] {
  return paths.flatMap((path) =>
    readText(path)
      .split('\n')
      .flatMap((line, index) => (isBad(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

/**
 * The source with comments blanked, line by line. A rule of thumb, not a parser: `//` counts as a comment where a
 * space or the start of the line precedes it, which spares `https://` inside strings.
 */
export function withoutComments(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|\s)\/\/.*$/gm, '$1');
}

const IMPORT =
  /\b(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|\bimport\s*'([^']+)'|\b(?:import|require(?:\.resolve)?)\s*\(\s*'([^']+)'/g;

/** The specifiers a source imports: static, re-exported, dynamic and by `require`. */
export function importSpecifiers(source: string): readonly string[] {
  const found = withoutComments(source).matchAll(IMPORT);
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}
