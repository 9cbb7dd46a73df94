import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { ERROR_TABLE } from '../../../src/core/index.js';
import { codeFiles, readText, repositoryRoot, textFiles } from './tree.js';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface LockEntry extends Manifest {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readText('package.json')) as Manifest;
const lock = JSON.parse(readText('package-lock.json')) as {
  readonly packages: Readonly<Record<string, LockEntry>>;
};

/** Whether `name`, needed by the package at `path`, is in the lock: looked for as Node does, from inside outwards. */
function isLocked(path: string, name: string): boolean {
  const folders = path.split(/\/?node_modules\//).slice(1);
  for (let depth = folders.length; depth >= 0; depth -= 1) {
    const candidate = [...folders.slice(0, depth), name].map((part) => `node_modules/${part}`);
    if (candidate.join('/') in lock.packages) return true;
  }
  return false;
}

describe('dependencies', () => {
  const direct = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });

  it('are pinned to one version each', () => {
    const loose = direct.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    assert.deepEqual(loose, []);
  });

  it('have a line of explanation each, with the version', () => {
    const page = readText('docs/dependencies.md');
    const silent = direct.filter(([name, version]) => !page.includes(`| \`${name}\` ${version} |`));
    assert.deepEqual(silent, []);
  });

  it('are explained only while they are used', () => {
    const rows = readText('docs/dependencies.md').matchAll(/^\| `([^`]+)` \d/gm);
    const names = new Set(direct.map(([name]) => name));
    assert.deepEqual(
      [...rows].map((row) => row[1] ?? '').filter((name) => !names.has(name)),
      [],
    );
  });

  it('are locked completely, for every platform, without a host', () => {
    const wrong = Object.entries(lock.packages).flatMap(([path, entry]) => {
      const needed = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies });
      const missing = needed.filter((name) => !isLocked(path, name));
      if (path !== '' && entry.integrity === undefined) missing.push('integrity');
      if (entry.resolved !== undefined) missing.push(`a lock without ${entry.resolved}`);
      return missing.map((what) => `${path}: ${what}`);
    });
    assert.deepEqual(wrong, []);
  });
});

describe('error codes', () => {
  it('are all used', () => {
    const sources = codeFiles()
      .filter((path) => path.startsWith('src/') && path !== 'src/core/errors.ts')
      .map(readText);
    const unused = Object.keys(ERROR_TABLE).filter(
      (code) => !sources.some((source) => source.includes(`'${code}'`)),
    );
    assert.deepEqual(unused, []);
  });

  it('are explained in docs/errors.md as in the table', () => {
    const words = ['scripts/write-errors.mjs', '--check'];
    const result = spawnSync(process.execPath, words, { cwd: repositoryRoot, encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
  });
});

describe('screenshots', () => {
  it('are what the view composes', () => {
    const words = ['scripts/write-screens.mjs', '--check'];
    const result = spawnSync(process.execPath, words, { cwd: repositoryRoot, encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
  });
});

describe('the public interface', () => {
  const pages = [
    'docs/api/sluice.api.md',
    'docs/api/sluice-cuda.api.md',
    'docs/api/sluice-video.api.md',
    'docs/api/sluice-terminal.api.md',
  ];

  /** The name that a line of a page exports, if it does. */
  function exportedName(line: string): string | undefined {
    const match = /^export (?:(?:abstract|declare) )?(?:\w+ (\w+)|\{ \w+ as (\w+) \})/.exec(line);
    return match?.[1] ?? match?.[2];
  }

  for (const page of pages) {
    it(`has a doc comment on every export of ${page}; one overload speaks for all`, () => {
      const exports = [...readText(page).matchAll(/^\/\/ @public(.*)\nexport (.*)$/gm)].map(
        (match) => ({
          isSilent: match[1]?.includes('undocumented') === true,
          name: exportedName(`export ${match[2]}`) ?? '',
        }),
      );
      assert.ok(exports.length > 0, page);
      const spoken = new Set(exports.filter(({ isSilent }) => !isSilent).map(({ name }) => name));
      const silent = exports.filter(({ name }) => !spoken.has(name)).map(({ name }) => name);
      assert.deepEqual(silent, []);
    });
  }

  it('gives every type that callers meet a name they can import, from whichever entry', () => {
    // A constant that a type is derived from needs none, nor does what only Sluice calls: a constructor, an @internal member.
    const warning = /\(ae-forgotten-export\) The symbol "(\w*[a-z]\w*)"/;
    const texts = pages.map((page) => readText(page).split('\n'));
    const named = new Set(texts.flat().map(exportedName));
    const nameless = texts.flatMap((lines) =>
      lines.flatMap((line, index) => {
        const after = lines.slice(index);
        const end = after.findIndex((later) => !/^\s*\/\//.test(later));
        const declaration = after.slice(0, end + 1).join('\n');
        const name = warning.exec(line)?.[1];
        const isInside = /^\s*\/\/ @internal|^\s*constructor\(/m.test(declaration);
        return name === undefined || isInside || named.has(name) ? [] : [name];
      }),
    );
    assert.deepEqual(nameless, []);
  });
});

/** The anchor that a heading of a Markdown page gets. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsIn(path: string): readonly string[] {
  return [...readText(path).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1] ?? ''));
}

function linkProblem(page: string, target: string): string | undefined {
  const [file = '', anchor] = target.split('#', 2);
  const path = file === '' ? page : posix.join(posix.dirname(page), decodeURIComponent(file));
  if (!existsSync(`${repositoryRoot}/${path}`)) return `${page}: no ${path}`;
  if (anchor === undefined || !path.endsWith('.md')) return undefined;
  return anchorsIn(path).includes(anchor) ? undefined : `${page}: no heading #${anchor} in ${path}`;
}

describe('Markdown', () => {
  it('links only to what is there', () => {
    const pages = textFiles().filter((path) => path.endsWith('.md'));
    const broken = pages.flatMap((page) => {
      const prose = readText(page)
        .replace(/^```[\s\S]*?^```/gm, '')
        .replace(/`[^`\n]*`/g, '');
      const links = [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].map(
        (link) => link[1] ?? '',
      );
      return links
        .filter((target) => !/^[a-z]+:/.test(target))
        .map((target) => linkProblem(page, target))
        .filter((problem) => problem !== undefined);
    });
    assert.deepEqual(broken, []);
  });
});
