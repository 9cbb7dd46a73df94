import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { CLI, Stage } from './cli-program.js';

describe('how a command ends', () => {
  const stage = new Stage();
  after(() => stage.close());

  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`takes its announcement back at ${name} and exits with 130`, async () => {
      for (const words of [[], ['--video', 'gray8:8x8']]) {
        const publisher = await stage.publish('ending', ...words);
        publisher.signal(name);
        const { code, signal } = await publisher.ended;
        assert.deepEqual([code, signal], [130, null]);
        const listed = await stage.run(['ls', 'ending']);
        assert.equal(listed.code, 3);
        assert.match((await stage.run(['doctor'])).out, /No debris\./);
      }
    });
  }

  it('exits with 130 while it waits, watches or reads', async () => {
    await stage.publish('busy');
    const waits = stage.start(['sub', 'nobody']);
    await waits.shows(/waiting for nobody/);
    const reads = stage.start(['sub', 'busy']);
    await reads.shows(/busy: text/);
    const watches = stage.start(['watch']);
    await watches.shows(/announced/);
    const tops = stage.start(['top']);
    await tops.shows(/busy/);
    const standsBy = stage.start(['pub', 'busy', '--wait']);
    for (const running of [waits, reads, watches, tops]) running.signal('SIGINT');
    for (const running of [waits, reads, watches, tops]) {
      assert.equal((await running.ended).code, 130);
    }
    standsBy.signal('SIGKILL');
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const publisher = await stage.publish('pipe');
    publisher.write('1\n2\n3\n');
    const shell = ['/bin/sh', '-c', '"$@" | head -n 1', 'sh', process.execPath];
    const reader = stage.start([CLI, 'sub', 'pipe', '--from', 'oldest', '-q'], { program: shell });
    await reader.shows(/^1$/m);
    // The reader learns of the broken pipe by writing to it.
    const more = setInterval(() => publisher.write('more\n'), 20);
    const { out, err, code } = await reader.ended;
    clearInterval(more);
    assert.deepEqual([out, err, code], ['1\n', '', 0]);
  });

  it('says that its output cannot be written, as on a disk that is full', async () => {
    await stage.publish('written');
    const full = openSync('/dev/full', 'w');
    after(() => closeSync(full));
    const words = [CLI, 'ls', '--json', '--dir', stage.directory];
    const { status, stderr } = spawnSync(process.execPath, words, {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^sluice: cannot write what comes out: ENOSPC.*\nFree some space/);
    assert.doesNotMatch(stderr, /    at /);
  });

  it('ends after --seconds with 0', async () => {
    for (const words of [
      ['sub', 'nobody'],
      ['watch'],
      ['top'],
      ['pub', 'timed'],
      ['pub', 'timed', '--video', 'gray8:8x8'],
    ]) {
      const { code } = await stage.start([...words, '--seconds', '0.2']).ended;
      assert.equal(code, 0, words.join(' '));
    }
  });

  it('exits with 2 for a command line that cannot be meant, and says why', async () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /Usage: sluice/],
      [['lss'], /Did you mean ls/],
      [['ls', '--bogus'], /unknown option '--bogus'/],
      [['ls', 'A*'], /channel pattern/],
      [['info'], /missing required argument/],
      [['info', 'a/*'], /takes one channel/],
      [['sub', 'a', '--latest', '--every'], /cannot be used with/],
      [['sub', 'a', '--frames', '0'], /--frames "0"/],
      [['sub', 'a', '--out', '/nonexistent/x', '--no-wait'], /cannot write/],
      [['sub', 'a', '--out', 'x', '--json'], /choose one/],
      [['pub', 'a', '--video', 'nv12'], /--video "nv12"/],
      [['pub', 'a', '--video', 'nv12:64x48', '--format', 'text'], /choose one/],
      [['pub', 'a', '--fps', '25'], /--fps is an option of pictures/],
      [['pub', 'a', '--slots', '8'], /--ring/],
      [['pub', 'a', '--layout', 'slots', '--slots', '100'], /power of two/],
      [['pub', 'a', '--bytes', '/nonexistent'], /cannot read/],
      [['demo', 'agents'], /there are video and text/],
    ];
    for (const [words, message] of wrong) {
      const { code, err } = await stage.run(words);
      assert.equal(code, 2, `${words.join(' ')}: ${err}`);
      assert.match(err, message);
    }
  });

  it('exits with 3 where there is nothing to attach to', async () => {
    for (const words of [
      ['info', 'nobody'],
      ['ls', 'nobody/*'],
      ['sub', 'nobody', '--no-wait'],
      ['sub', 'nobody/*', '--no-wait'],
    ]) {
      assert.equal((await stage.run(words)).code, 3, words.join(' '));
    }
    assert.equal((await stage.run(['ls'])).code, 0);
  });

  it('writes failures as JSON where JSON is asked for', async () => {
    const { code, out, err } = await stage.run(['info', 'nobody', '--json']);
    assert.deepEqual([code, out], [3, '']);
    const { error } = JSON.parse(err) as { error: Record<string, unknown> };
    assert.equal(error['code'], 'CHANNEL_NOT_FOUND');
    assert.deepEqual(Object.keys(error), ['code', 'message', 'remedy', 'details']);
    const bad = await stage.run(['ls', '--dir', '/', '--json']);
    assert.equal(bad.code, 1);
    assert.equal((JSON.parse(bad.err) as { error: { code: string } }).error.code, 'BAD_DIRECTORY');
  });

  it('shows its version', async () => {
    const { code, out } = await stage.run(['--version']);
    assert.equal(code, 0);
    assert.match(out, /^\d+\.\d+\.\d+\n$/);
  });
});
