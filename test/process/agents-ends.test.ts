import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AgentStage, gone, isAlive, pause } from './agent-stage.js';

describe('the end of a host', () => {
  for (const how of ['SIGKILL', 'SIGTERM'] as const) {
    it(`by ${how} leaves no agent, and none of what agents have started`, async (test) => {
      const stage = new AgentStage();
      test.after(() => stage.close());
      // One that hides in a session of its own and hears no signal it can refuse; one that has no environment left.
      const hidden = `setsid sh -c 'trap "" HUP TERM; echo $$ >${stage.state}/hidden; while :; do sleep 0.1; done' &`;
      const bare = `env -i /bin/sh -c 'echo $$ >${stage.state}/bare; exec /bin/sleep 1000' &`;
      const script = `${hidden} ${bare} echo $$ >${stage.state}/self; exec sleep 1000`;
      await stage.agents('new', '--name', 'parent', '--', 'sh', '-c', script);
      const files = ['hidden', 'bare', 'self'].map((name) => join(stage.state, name));
      while (!files.every((file) => existsSync(file) && readFileSync(file).byteLength > 0)) {
        await pause();
      }
      const pids = files.map((file) => Number(readFileSync(file, 'utf8')));
      assert.deepEqual(pids.map(isAlive), [true, true, true]);
      const { pid } = await stage.host();
      process.kill(pid, how);
      await gone([pid, ...pids]);
      assert.equal((await stage.run('ls')).code, 3);
    });
  }

  it('is survived by nothing also when its watchdog was killed before: there is another', async (test) => {
    const stage = new AgentStage();
    test.after(() => stage.close());
    await stage.agents('new', '--name', 'one', '--', 'sleep', '1000');
    const { pid: host } = await stage.host();
    const { pid = 0 } = await stage.info('one');
    const watchdog = (): number | undefined =>
      readFileSync(`/proc/${host}/task/${host}/children`, 'utf8')
        .trim()
        .split(' ')
        .map(Number)
        .find((child) => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('watchdog'));
    const first = watchdog() ?? 0;
    process.kill(first, 'SIGKILL');
    let second: number | undefined;
    while (second === undefined || second === first) {
      await pause();
      try {
        second = watchdog();
      } catch {
        // A child that ended between two looks.
      }
    }
    process.kill(host, 'SIGKILL');
    await gone([host, pid]);
  });
});

describe('a disk that is full', () => {
  it('stops the agent, is told in words, and loses nothing', async (test) => {
    const place = new AgentStage();
    test.after(() => place.close());
    const disk = join(place.state, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'pipe' });
    } catch {
      return test.skip('mounting is not permitted here');
    }
    const stage = new AgentStage({ XDG_STATE_HOME: disk });
    try {
      const ballast = join(disk, 'ballast');
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(ballast, Buffer.alloc(bavail * bsize - 600_000));
      const total = 8_000_000;
      const script = `head -c ${total} /dev/zero | tr '\\0' x; echo; exec sleep 1000`;
      await stage.agents('new', '--name', 'writer', '--', 'sh', '-c', script);
      const full = await stage.until('writer', ({ log }) => log.problem !== '');
      assert.equal(full.log.problem, 'the disk is full');
      assert.ok(full.log.sequence < total, 'it waits');
      const host = readFileSync(join(disk, 'sluice', 'agents', 'main', '_host.log'), 'utf8');
      assert.match(
        host,
        /writer: the log in .* cannot be written: the disk is full\. The agent waits/,
      );
      execFileSync('mount', ['-o', 'remount,size=64m', disk]);
      await stage.until('writer', ({ log }) => log.problem === '' && log.sequence === total + 2);
      assert.equal((await stage.agents('log', 'writer')).length, total + 2);
      await stage.agents('stop', '--all');
    } finally {
      await stage.close();
      execFileSync('umount', ['-l', disk]);
    }
    return undefined;
  });
});
