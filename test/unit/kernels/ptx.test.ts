/** The PTX that is shipped is made from the kernels that lie beside it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** What scripts/write-kernels.mjs --check says of one kernel. */
interface Answer {
  readonly name: string;
  readonly source: string;
  readonly body: string;
  readonly log?: string;
}

function answers(): readonly Answer[] {
  const words = ['scripts/write-kernels.mjs', '--check'];
  const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

describe('the shipped kernels', () => {
  const found = answers();
  const names = readdirSync(`${root}/kernels`)
    .filter((name) => name.endsWith('.cu'))
    .map((name) => name.replace('.cu', ''));

  it('are one PTX file a source', () => {
    assert.deepEqual(
      found.map(({ name }) => name),
      names,
    );
    assert.deepEqual(
      readdirSync(`${root}/kernels`).filter((name) => name.endsWith('.ptx')),
      names.map((name) => `${name}.ptx`),
    );
  });

  for (const { name, source, body, log } of found) {
    it(`${name}: made from its source`, () => assert.equal(source, 'same'));

    it(`${name}: what the compiler makes of it`, (t) => {
      if (body.startsWith('not compiled')) t.skip(body);
      else assert.match(body, /^(?:same|compiles)/, log);
    });

    it(`${name}: taken by the drivers of CUDA 11 and of Turing on`, () => {
      const ptx = readFileSync(`${root}/kernels/${name}.ptx`, 'utf8');
      assert.match(ptx, /^\.version 7\.0$/m);
      assert.match(ptx, /^\.target sm_75$/m);
    });
  }
});
