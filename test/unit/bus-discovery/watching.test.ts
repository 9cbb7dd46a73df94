import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it, type TestContext } from 'node:test';
import { isClaimed, tryClaim, type ChannelLock } from '../../../src/bus/directory/channel-lock.js';
import { DirectoryWatch } from '../../../src/bus/directory/directory-watch.js';
import {
  listChannels,
  waitForChannelChange,
  watchChannels,
  type ChannelEvent,
  type WatchOptions,
} from '../../../src/bus/directory/discovery.js';
import {
  readManifest,
  removeManifest,
  writeManifest,
} from '../../../src/bus/directory/manifest.js';
import {
  resolveRuntimeDirectory,
  type RuntimeDirectory,
} from '../../../src/bus/directory/runtime-directory.js';
import {
  instanceOf,
  sampleManifest,
  scratchDirectory,
  scratchFolder,
  startProgram,
  stopped,
} from './scratch.js';

/** So late that only inotify can have told. */
const NEVER_MS = 60_000;
const SOON_MS = 10;

type Events = AsyncIterator<ChannelEvent, undefined>;

function watching(test: TestContext, options: WatchOptions, pattern = '**'): Events {
  const events = watchChannels(pattern, options)[Symbol.asyncIterator]();
  test.after(() => events.return?.());
  return events as Events;
}

async function told(events: Events): Promise<string> {
  const { done, value } = await events.next();
  if (done === true || value === undefined) return 'done';
  const { channel, instance, epoch } = value.manifest;
  return `${value.type} ${channel} ${instance[0]}${epoch}`;
}

/** What a publisher does that starts: `mark` is its instance, one hexadecimal digit. */
function announce(
  directory: RuntimeDirectory,
  channel: string,
  mark: string,
  epoch = 0,
): ChannelLock {
  const lock = tryClaim(directory, channel, instanceOf(mark));
  assert.ok(lock);
  writeManifest(directory, sampleManifest({ channel, instance: instanceOf(mark), epoch }));
  return lock;
}

function withdraw(directory: RuntimeDirectory, lock: ChannelLock, mark: string): void {
  assert.ok(removeManifest(directory, lock.channel, instanceOf(mark)));
  lock.release();
}

/** Three looks by the timer: whatever they were to find, they have found. */
async function threeRescans(directory: RuntimeDirectory): Promise<void> {
  for (let count = 0; count < 3; count++) {
    await waitForChannelChange(directory, 'nobody', { rescanMs: SOON_MS * 2 });
  }
}

/**
 * Timers and file watchers that keep this process alive. A handle that was closed is gone a turn
 * later.
 */
async function resources(): Promise<readonly string[]> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  return process
    .getActiveResourcesInfo()
    .filter((name) => name === 'Timeout' || name.startsWith('FSEvent'));
}

describe('watching', () => {
  it('tells what is there, then what comes, changes and goes', async (test) => {
    const directory = scratchDirectory(test);
    const a = announce(directory, 'a', '1');
    announce(directory, 'b', '2');
    const events = watching(test, { directory, rescanMs: NEVER_MS });
    assert.equal(await told(events), 'announced a 10');
    assert.equal(await told(events), 'announced b 20');
    let next = told(events);
    announce(directory, 'c', '3');
    assert.equal(await next, 'announced c 30');
    next = told(events);
    writeManifest(directory, sampleManifest({ channel: 'c', instance: instanceOf('3'), epoch: 1 }));
    assert.equal(await next, 'changed c 31');
    next = told(events);
    withdraw(directory, a, '1');
    assert.equal(await next, 'retired a 10');
    next = told(events);
    announce(directory, 'a', '4');
    assert.equal(await next, 'announced a 40');
  });

  it('tells of another instance and another format, not of other user data', async (test) => {
    const directory = scratchDirectory(test);
    announce(directory, 'a', '1');
    const events = watching(test, { directory, rescanMs: NEVER_MS });
    assert.equal(await told(events), 'announced a 10');
    const next = told(events);
    const same = { channel: 'a', instance: instanceOf('1') };
    writeManifest(directory, sampleManifest({ ...same, userData: { changed: true } }));
    await nextTurn();
    announce(directory, 'b', '2');
    assert.equal(await next, 'announced b 20');
    writeManifest(directory, sampleManifest({ ...same, format: { kind: 'json' } }));
    assert.equal(await told(events), 'changed a 10');
    writeManifest(directory, sampleManifest({ channel: 'a', instance: instanceOf('5') }));
    assert.equal(await told(events), 'changed a 50');
  });

  it('follows a pattern', async (test) => {
    const directory = scratchDirectory(test);
    announce(directory, 'a', '1');
    announce(directory, 'agent/one', '2');
    const events = watching(test, { directory, rescanMs: NEVER_MS }, 'agent/*');
    assert.equal(await told(events), 'announced agent/one 20');
    const next = told(events);
    announce(directory, 'b', '3');
    announce(directory, 'agent/two', '4');
    assert.equal(await next, 'announced agent/two 40');
    assert.throws(() => watchChannels('**/a', { directory }), TypeError);
    assert.throws(() => watchChannels('a', { directory, rescanMs: 1 }), RangeError);
  });

  it('gives a slow consumer the difference, not the history', async (test) => {
    const directory = scratchDirectory(test);
    announce(directory, 'a', '1');
    const events = watching(test, { directory, rescanMs: NEVER_MS });
    assert.equal(await told(events), 'announced a 10');
    const instance = instanceOf('1');
    for (let epoch = 1; epoch <= 100; epoch++) {
      writeManifest(directory, sampleManifest({ channel: 'a', instance, epoch }));
      withdraw(directory, announce(directory, 'short', '2'), '2');
      await nextTurn();
    }
    announce(directory, 'z', '3');
    assert.deepEqual(
      [await told(events), await told(events)],
      [`changed a 1100`, 'announced z 30'],
    );
  });

  it('tells once of a publisher that dies and leaves its files', async (test) => {
    const directory = scratchDirectory(test);
    const args = [directory.path, 'a', instanceOf('1')];
    const program = startProgram(test, 'publisher-program', args);
    assert.equal(await program.line(), 'ready');
    const events = watching(test, { directory, rescanMs: SOON_MS });
    assert.equal(await told(events), 'announced a 10');
    let next = told(events);
    await program.kill('SIGSTOP');
    await stopped(program.child.pid);
    await threeRescans(directory);
    announce(directory, 'sentinel', '2');
    assert.equal(await next, 'announced sentinel 20', 'a stopped publisher is not retired');
    next = told(events);
    await program.kill('SIGKILL');
    assert.equal(await next, 'retired a 10');
    assert.ok(readManifest(directory, 'a'), 'its files are still there');
    // A successor that has the lock and has not yet replaced the manifest does not revive the dead
    // one.
    next = told(events);
    const lock = tryClaim(directory, 'a', instanceOf('3'));
    assert.ok(lock);
    await threeRescans(directory);
    writeManifest(directory, sampleManifest({ channel: 'a', instance: instanceOf('3') }));
    assert.equal(await next, 'announced a 30');
  });

  it('does not announce the dead', async (test) => {
    const directory = scratchDirectory(test);
    writeManifest(directory, sampleManifest({ channel: 'dead' }));
    announce(directory, 'live', '1');
    const events = watching(test, { directory, rescanMs: NEVER_MS });
    assert.equal(await told(events), 'announced live 10');
  });

  it('survives the replacement of the directory', async (test) => {
    const directory = scratchDirectory(test);
    announce(directory, 'a', '1');
    const events = watching(test, { directory, rescanMs: SOON_MS });
    assert.equal(await told(events), 'announced a 10');
    let next = told(events);
    execFileSync('rm', ['-r', directory.path]);
    assert.equal(await next, 'retired a 10');
    next = told(events);
    announce(directory, 'a', '2');
    assert.equal(await next, 'announced a 20');
  });

  it('tells each problem once, and retires what became unreadable', async (test) => {
    const directory = scratchDirectory(test);
    writeFileSync(directory.manifestPath('bad'), '{}', { mode: 0o600 });
    announce(directory, 'a', '1');
    announce(directory, 'b', '1');
    const problems: string[] = [];
    const onProblem = (path: string): void => void problems.push(path);
    const events = watching(test, { directory, rescanMs: SOON_MS, onProblem });
    assert.equal(await told(events), 'announced a 10');
    assert.equal(await told(events), 'announced b 10');
    const next = told(events);
    await threeRescans(directory);
    assert.deepEqual(problems, [directory.manifestPath('bad')]);
    writeFileSync(directory.manifestPath('a'), 'overwritten');
    assert.equal(await next, 'retired a 10');
    assert.equal(problems.at(-1), directory.manifestPath('a'));
  });

  it('counts an owner that cannot be asked for as alive, and says so once', async (test) => {
    const directory = scratchDirectory(test);
    const lock = announce(directory, 'a', '1');
    announce(directory, 'z', '1');
    const problems: string[] = [];
    const onProblem = (path: string): void => void problems.push(path);
    unlinkSync(lock.path);
    execFileSync('mkfifo', [lock.path]);
    const events = watching(test, { directory, rescanMs: SOON_MS, onProblem });
    assert.equal(await told(events), 'announced a 10');
    assert.equal(await told(events), 'announced z 10');
    const next = told(events);
    await threeRescans(directory);
    assert.deepEqual(problems, [lock.path]);
    unlinkSync(lock.path);
    assert.equal(await next, 'retired a 10');
  });

  it('keeps what it told while the directory cannot be read', async (test) => {
    const directory = scratchDirectory(test);
    announce(directory, 'a', '1');
    const problems: string[] = [];
    const onProblem = (path: string): void => void problems.push(path);
    const events = watching(test, { directory, rescanMs: SOON_MS, onProblem });
    assert.equal(await told(events), 'announced a 10');
    const next = told(events);
    const aside = `${directory.path}.aside`;
    execFileSync('sh', ['-c', `mv "$1" "$2" && : > "$1"`, 'sh', directory.path, aside]);
    await threeRescans(directory);
    assert.ok(problems.includes(directory.path));
    execFileSync('sh', ['-c', `rm "$1" && mv "$2" "$1"`, 'sh', directory.path, aside]);
    announce(directory, 'b', '2');
    assert.equal(await next, 'announced b 20', 'a was not retired meanwhile');
  });
});

describe('the end of watching', () => {
  it('comes with the signal, which ends the loop without an error', async (test) => {
    const directory = scratchDirectory(test);
    const lock = announce(directory, 'a', '1');
    const before = await resources();
    const controller = new AbortController();
    const seen: string[] = [];
    for await (const event of watchChannels('**', { directory, signal: controller.signal })) {
      seen.push(event.type);
      setImmediate(() => controller.abort());
    }
    assert.deepEqual(seen, ['announced']);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    assert.deepEqual(await resources(), before);
    for await (const _ of watchChannels('**', { directory, signal: controller.signal })) {
      assert.fail('an aborted signal tells nothing');
    }
    lock.release();
  });

  it('comes with break and with return(), also while next() waits', async (test) => {
    const directory = scratchDirectory(test);
    announce(directory, 'a', '1');
    const before = await resources();
    for await (const event of watchChannels('**', { directory })) {
      assert.equal(event.type, 'announced');
      assert.notDeepEqual(await resources(), before);
      break;
    }
    assert.deepEqual(await resources(), before);
    const events = watchChannels('**', { directory })[Symbol.asyncIterator]();
    assert.deepEqual(await resources(), before, 'nothing is watched before the first next()');
    await events.next();
    const waiting = [events.next(), events.next()];
    assert.deepEqual(await events.return?.(), { done: true, value: undefined });
    for (const result of await Promise.all(waiting)) assert.equal(result.done, true);
    assert.equal((await events.next()).done, true);
    assert.deepEqual(await resources(), before);
  });

  it('bounds the calls that wait', async (test) => {
    const directory = scratchDirectory(test);
    const events = watching(test, { directory });
    const waiting = Array.from({ length: 64 }, () => events.next());
    await assert.rejects(events.next(), RangeError);
    await events.return?.();
    assert.equal((await Promise.all(waiting)).length, 64);
  });
});

describe('a replaced directory', () => {
  const replacements: Readonly<Record<string, string>> = {
    removed: 'rm -r "$1"',
    'moved away': 'mv "$1" "$1.old"',
    'moved away with its parent': 'cd "$(dirname "$1")/.." && mv parent old && mkdir parent',
  };
  for (const [how, script] of Object.entries(replacements)) {
    it(`is watched by inotify again after it was ${how}`, async (test) => {
      const path = join(scratchFolder(test), 'parent', 'run');
      mkdirSync(dirname(path));
      const directory = resolveRuntimeDirectory(path);
      let looks = 0;
      const touched = new Promise<string>((resolve, reject) => {
        const watch = new DirectoryWatch(path, SOON_MS, (channel) => {
          if (channel !== undefined) resolve(channel);
          else if (looks++ === 2) announce(directory, 'a', '1');
          else if (looks > 100) reject(new Error('only the timer tells'));
        });
        test.after(() => watch.close());
      });
      execFileSync('sh', ['-c', script, 'sh', path]);
      directory.ensure();
      assert.equal(await touched, 'a');
    });
  }
});

describe('without inotify', () => {
  const wrapper = [
    ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
    'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"',
    'sh',
  ];
  const possible = spawnSync(wrapper[0] ?? '', [...wrapper.slice(1), 'true']).status === 0;
  const skip = possible ? false : 'needs a user namespace, to have a limit of its own';

  it('watching goes on by the timer', { skip }, async (test) => {
    const directory = scratchDirectory(test);
    const program = startProgram(test, 'watch-program', [directory.path], { wrapper });
    assert.equal(await program.line(), 'no inotify');
    const lock = announce(directory, 'a', '1');
    assert.equal(await program.line(), 'announced a');
    withdraw(directory, lock, '1');
    assert.equal(await program.line(), 'retired a');
  });
});

describe('waiting for a channel', () => {
  it('ends at a change of its files, not of others', async (test) => {
    const directory = scratchDirectory(test);
    let ended = false;
    const wait = waitForChannelChange(directory, 'a', { rescanMs: NEVER_MS });
    void wait.then(() => (ended = true));
    const other = waitForChannelChange(directory, 'b', { rescanMs: NEVER_MS });
    announce(directory, 'b', '1');
    assert.equal(await other, 'touched');
    await nextTurn();
    assert.equal(ended, false);
    announce(directory, 'a', '1');
    assert.equal(await wait, 'touched');
  });

  it('ends when it is time to look anyway, and with the signal', async (test) => {
    const directory = scratchDirectory(test);
    const before = await resources();
    assert.equal(await waitForChannelChange(directory, 'a', { rescanMs: SOON_MS }), 'rescan');
    const controller = new AbortController();
    const { signal } = controller;
    const early = waitForChannelChange(directory, 'a', { signal, rescanMs: SOON_MS });
    assert.equal(await early, 'rescan');
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    const wait = waitForChannelChange(directory, 'a', { signal, rescanMs: NEVER_MS });
    controller.abort();
    assert.equal(await wait, 'aborted');
    assert.equal(await waitForChannelChange(directory, 'a', { signal }), 'aborted');
    assert.deepEqual(await resources(), before);
    assert.throws(() => waitForChannelChange(directory, '../a'), TypeError);
  });

  it('is not disturbed by those who only look', async (test) => {
    const directory = scratchDirectory(test);
    const args = [directory.path, 'a', instanceOf('1')];
    const program = startProgram(test, 'publisher-program', args);
    assert.equal(await program.line(), 'ready');
    await program.kill('SIGKILL');
    const controller = new AbortController();
    const { signal } = controller;
    const wait = waitForChannelChange(directory, 'a', { signal, rescanMs: NEVER_MS });
    assert.equal(isClaimed(directory, 'a'), false);
    assert.ok(readManifest(directory, 'a'));
    assert.deepEqual(await listChannels('**', { directory }), []);
    const sentinel = waitForChannelChange(directory, 'b', { rescanMs: NEVER_MS });
    announce(directory, 'b', '1');
    assert.equal(await sentinel, 'touched');
    controller.abort();
    assert.equal(await wait, 'aborted');
  });
});
