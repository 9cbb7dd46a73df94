import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { codeFiles, findLines, readText, textFiles, withoutComments } from './tree.js';

const MAX_LINES = 450;

/** A pattern written in two halves, so that this file does not contain what it forbids. */
function split(first: string, second: string, flags = ''): RegExp {
  return new RegExp(first + second, flags);
}

/** A comment line that reads as a statement: it ends like one and starts like one. */
function looksLikeCode(line: string): boolean {
  const comment = /^\s*\/\/\s*(.*?)\s*$/.exec(line)?.[1];
  if (comment === undefined) return false;
  const startsLikeCode =
    /^(?:const|let|var|return|await|import|export|if \(|for \(|while \(|else|try \{|\}|[\w.]+(?:\(|\s=\s|\+\+|\[))/;
  return startsLikeCode.test(comment) && /[;{}]$/.test(comment);
}

describe('files', () => {
  it(`has at most ${MAX_LINES} lines of code a file`, () => {
    const long = codeFiles()
      .map((path) => ({ path, lines: readText(path).split('\n').length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES)
      .map(({ path, lines }) => `${path}: ${lines}`);
    assert.deepEqual(long, []);
  });

  it('is named in kebab-case', () => {
    const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|mjs|js)$/;
    const wrong = codeFiles().filter((path) => !kebab.test(posix.basename(path)));
    assert.deepEqual(wrong, []);
  });

  it('is named after what it holds, not after being a drawer', () => {
    const drawer = /(?:^|[/.-])(?:utils?|helpers?|managers?|common|misc)(?:[/.-]|$)/;
    assert.deepEqual(
      textFiles().filter((path) => drawer.test(path)),
      [],
    );
  });

  it('introduces every index.ts with a sentence', () => {
    const indexes = codeFiles().filter((path) => posix.basename(path) === 'index.ts');
    const silent = indexes.filter(
      (path) => !/^\/\*\*\s+[\s\S]*?\w{3}[\s\S]*?\.[\s\S]*?\*\//.test(readText(path)),
    );
    assert.deepEqual(silent, []);
    const sources = indexes.filter((path) => path.startsWith('src/'));
    const late = sources.filter((path) => !readText(path).startsWith('/**'));
    assert.deepEqual(late, []);
  });
});

describe('text', () => {
  it('leaves nothing for later', () => {
    const later = split('\\b(?:TO', 'DO|FIX' + 'ME|XX' + 'X)\\b');
    assert.deepEqual(
      findLines(textFiles(), (line) => later.test(line)),
      [],
    );
  });

  it('does not switch the compiler off', () => {
    const off = split('\\bas a', 'ny\\b(?! \\w)|@ts-(?:ig' + 'nore|no' + 'check)');
    assert.deepEqual(
      findLines(codeFiles(), (line) => off.test(line)),
      [],
    );
  });

  it('gives a reason wherever it switches the linter off', () => {
    const off = split('(?:oxlint|eslint)-dis', 'able(?!.* -- \\w)');
    assert.deepEqual(
      findLines(codeFiles(), (line) => off.test(line)),
      [],
    );
  });

  it('has no commented-out code', () => {
    assert.deepEqual(findLines(codeFiles(), looksLikeCode), []);
  });

  it('names no path of one machine', () => {
    const path = split('(?:^|[^\\w.~$*-])/(?:wo', 'rk|ro' + 'ot|ho' + 'me)/');
    assert.deepEqual(
      findLines(textFiles(), (line) => path.test(line)),
      [],
    );
  });

  it('names no package registry', () => {
    const host = split('registry\\.(?:np', 'mjs|yarnpkg)|npm' + 'js\\.(?:com|org)|pypi' + '\\.org');
    assert.deepEqual(
      findLines(textFiles(), (line) => host.test(line)),
      [],
    );
  });

  it('ends every file with one line feed and has no carriage return or tab', () => {
    const wrong = textFiles().filter((path) => {
      const text = readText(path);
      return (
        !/[^\n]\n$/.test(text) ||
        text.includes('\r') ||
        (/\.(?:ts|mjs)$/.test(path) && text.includes('\t'))
      );
    });
    assert.deepEqual(wrong, []);
  });
});

describe('the hot path', () => {
  it('has no BigInt in src/ring', () => {
    const big = /\bBig(?:Int|Uint)(?:64Array)?\b|(?<![\w.])\d+n\b/;
    const wrong = codeFiles()
      .filter((path) => path.startsWith('src/ring/'))
      .filter((path) => big.test(withoutComments(readText(path))));
    assert.deepEqual(wrong, []);
  });
});

describe('the rules themselves', () => {
  it('tells code in comments from prose', () => {
    const slashes = '/'.repeat(2);
    for (const code of ['const x = 1;', 'if (x) {', 'foo(bar);', '}', 'x = y;', 'return x;']) {
      assert.ok(looksLikeCode(`  ${slashes} ${code}`), code);
    }
    for (const prose of ['Stores first; then looks.', 'one word a slot', 'see (a) and (b);']) {
      assert.ok(!looksLikeCode(`  ${slashes} ${prose}`), prose);
    }
  });
});
