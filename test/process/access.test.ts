import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isSluiceError, tensor, video } from '../../src/index.js';
import { withoutFfmpeg } from './camera-clips.js';
import { CLI, Stage } from './cli-program.js';
import { GROUP, sharedDirectory } from './container.js';
import { endAll, Program, type ProgramOptions } from './program.js';
import { Runtime } from './runtime.js';
import { STAMPED } from './stamp.js';
import { hasProgram } from './tap-clip.js';

const isRoot = process.geteuid?.() === 0;
const needsRoot = isRoot ? false : 'needs root, to run programs as other users';
const needsCommands =
  needsRoot || withoutFfmpeg || (hasProgram('setpriv', '--version') ? false : 'no setpriv');
const options = { timeout: 60_000 };
/** Two members of the group. */
const ALICE = { uid: 1000, gid: GROUP };
const BOB = { uid: 65533, gid: GROUP };
/** As this user every unmapped one of another namespace appears. */
const NOBODY = { uid: 65534, gid: GROUP };
after(endAll);

function start(
  name: 'reader-program' | 'writer-program',
  given: object,
  how: ProgramOptions = {},
): Program {
  return new Program(name, { channel: 'frames', kind: 'frames', options: given }, how);
}

describe('other users', { ...options, skip: needsRoot }, () => {
  for (const [name, publisherUser, subscriberUser] of [
    ['two users', ALICE, BOB],
    ['the overflow user', NOBODY, ALICE],
    ['a subscriber that reads as the overflow user', ALICE, NOBODY],
  ] as const) {
    it(`${name}: denied at either side without allow, served with it`, async (t) => {
      const runtime = new Runtime(t);
      const directory = sharedDirectory(runtime);
      const closed = start('writer-program', { directory }, publisherUser);
      assert.equal(await closed.line(), 'open');
      const refused = start(
        'reader-program',
        { directory, allow: { uids: [publisherUser.uid] } },
        subscriberUser,
      );
      const refusal = await refused.line();
      assert.match(refusal, /^failed ACCESS_DENIED/);
      await closed.kill();
      const allow = { uids: [subscriberUser.uid] };
      const publisher = start('writer-program', { directory, allow }, publisherUser);
      assert.equal(await publisher.line(), 'open');
      const distrustful = start('reader-program', { directory }, subscriberUser);
      const distrust = await distrustful.line();
      assert.match(distrust, /^failed ACCESS_DENIED/);
      assert.match(distrust, new RegExp(`allow: \\{ uids: \\[${publisherUser.uid}\\] \\}`));
      const subscriber = start(
        'reader-program',
        { directory, allow: { uids: [publisherUser.uid] }, delivery: 'every', maxLag: 30 },
        subscriberUser,
      );
      assert.equal(await subscriber.line(), 'open');
      await publisher.ask('20');
      for (;;) {
        const stats = JSON.parse(await subscriber.ask('stats')) as { received: number };
        if (stats.received === 20) break;
      }
    });
  }

  it('cannot enter a private directory', async (t) => {
    const runtime = new Runtime(t);
    chmodSync(runtime.folder, 0o755);
    await runtime.publisher('frames', { format: STAMPED, allow: { uids: [ALICE.uid] } });
    const { directory } = runtime;
    const subscriber = start('reader-program', { directory, allow: { uids: [0] } }, ALICE);
    assert.match(await subscriber.line(), /^failed BAD_DIRECTORY .*belongs to uid 0/);
  });

  it('a channel of another user in a shared directory is in use for both', async (t) => {
    const runtime = new Runtime(t);
    const directory = sharedDirectory(runtime);
    const first = start('writer-program', { directory }, ALICE);
    assert.equal(await first.line(), 'open');
    const second = start('writer-program', { directory }, BOB);
    assert.match(await second.line(), /^failed CHANNEL_IN_USE/);
  });
});

describe('other users, as named on the command line', { ...options, skip: needsCommands }, () => {
  const as = ({ uid, gid }: typeof ALICE): readonly string[] => [
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
  ];

  it('read a camera with --allow-uid, and others do not', async (t) => {
    const runtime = new Runtime(t);
    const stage = new Stage();
    t.after(() => stage.close());
    const place = ['--dir', sharedDirectory(runtime)];
    const input = 'lavfi:testsrc2=size=64x48:rate=25';
    const camera = stage.start(['camera', 'door', input, '--allow-uid', '1000', ...place], {
      program: ['setpriv', `--regid=${GROUP}`, '--clear-groups', process.execPath, CLI],
    });
    await camera.shows(/publishing door/);
    const words = ['sub', 'door', '--frames', '2', '--json', '--allow-uid', '0', ...place];
    const read = (user: typeof ALICE) =>
      stage.start(words, { program: [...as(user), process.execPath, CLI] }).ended;
    const [allowed, other] = await Promise.all([read(ALICE), read(BOB)]);
    assert.equal(allowed.code, 0, allowed.err);
    assert.equal(allowed.out.match(/"sequence"/g)?.length, 2, allowed.out);
    assert.equal(other.code, 1);
    assert.match(other.err, /ACCESS_DENIED.*refused user 65533/);
    assert.doesNotMatch(other.out, /"sequence"/);
  });

  it('connect to the socket of a tap with --allow-uid, and others are sent away', async (t) => {
    const runtime = new Runtime(t);
    const stage = new Stage();
    t.after(() => stage.close());
    chmodSync(runtime.folder, 0o755);
    const format = video({ width: 64, height: 48, pixelFormat: 'i420' });
    const publisher = await runtime.publisher('door', { format });
    const socket = join(runtime.folder, 'door.y4m');
    const words = ['tap', 'door', '--as', 'y4m', '--fps', '25', '--socket', socket];
    const tap = stage.start([...words, '--allow-uid', '1000', '--dir', runtime.directory]);
    await tap.shows(/^unix:/);
    assert.equal(statSync(socket).mode & 0o777, 0o666);
    const input = ['-v', 'error', '-f', 'yuv4mpegpipe', '-i', `unix:${socket}`];
    const read = (user: typeof ALICE) =>
      stage.start([...input, '-frames:v', '2', '-f', 'framemd5', '-'], {
        program: [...as(user), 'ffmpeg'],
      }).ended;
    const feed = setInterval(() => publisher.tryLoan()?.publish(), 20);
    t.after(() => clearInterval(feed));
    const [allowed, other] = await Promise.all([read(ALICE), read(BOB)]);
    assert.equal(allowed.out.match(/^0,/gm)?.length, 2, allowed.err);
    assert.notEqual(other.code, 0);
    assert.doesNotMatch(other.out, /^0,/m);
    tap.signal('SIGINT');
    assert.match((await tap.ended).err, /^1 client,/m);
  });
});

describe('a hardened publisher', { ...options, skip: needsRoot }, () => {
  for (const hardened of [false, true]) {
    it(`${hardened ? 'hides' : 'without it does not hide'} its memory from its own user`, async (t) => {
      const runtime = new Runtime(t);
      const directory = sharedDirectory(runtime);
      const publisher = start('writer-program', { directory, hardened }, ALICE);
      assert.equal(await publisher.line(), 'open');
      const peeper = new Program('peeper-program', { pid: publisher.pid }, ALICE);
      const expected = hardened ? 'EACCES EACCES' : 'open open';
      assert.equal(await peeper.line(), expected);
      const subscriber = start('reader-program', { directory }, ALICE);
      assert.equal(await subscriber.line(), 'open', 'and serves as before');
    });
  }
});

describe('bad surroundings', options, () => {
  async function failureOf(attempt: Promise<unknown>): Promise<string> {
    const error: unknown = await attempt.then(
      () => assert.fail('no failure'),
      (reason: unknown) => reason,
    );
    assert.ok(isSluiceError(error), String(error));
    assert.notEqual(error.remedy, '');
    return error.code;
  }

  it('a directory that is open to others, a link, a file, or missing is BAD_DIRECTORY', async (t) => {
    const runtime = new Runtime(t);
    const at = (name: string): string => join(runtime.folder, name);
    mkdirSync(at('open'));
    chmodSync(at('open'), 0o777);
    mkdirSync(at('real'), { mode: 0o700 });
    symlinkSync(at('real'), at('link'));
    writeFileSync(at('file'), '');
    for (const name of ['open', 'link', 'file', 'missing/deeper']) {
      const directory = at(name);
      const code = await failureOf(runtime.publisher('a', { format: STAMPED, directory }));
      assert.equal(code, 'BAD_DIRECTORY', name);
      assert.equal(
        await failureOf(runtime.subscriber('a', { format: STAMPED, directory })),
        'BAD_DIRECTORY',
      );
      assert.equal(
        await failureOf(runtime.subscriber('a/*', { format: STAMPED, directory })),
        'BAD_DIRECTORY',
      );
    }
  });

  it('something else in the place of a channel file is told, not followed', async (t) => {
    const runtime = new Runtime(t);
    mkdirSync(runtime.directory, { mode: 0o700 });
    mkdirSync(join(runtime.directory, 'a.lock'));
    assert.equal(await failureOf(runtime.publisher('a', { format: STAMPED })), 'BAD_DIRECTORY');
    rmSync(join(runtime.directory, 'a.lock'), { recursive: true });
    writeFileSync(join(runtime.folder, 'precious'), 'content');
    symlinkSync(join(runtime.folder, 'precious'), join(runtime.directory, 'a.lock'));
    assert.equal(await failureOf(runtime.publisher('a', { format: STAMPED })), 'BAD_DIRECTORY');
  });

  it('more memory than there is is NO_SPACE, with the numbers', async (t) => {
    const runtime = new Runtime(t);
    const format = tensor('u8', [65_536, 65_000]);
    const error: unknown = await runtime
      .publisher('huge', { format, slots: 384 })
      .catch((reason: unknown) => reason);
    assert.ok(isSluiceError(error, 'NO_SPACE'), String(error));
    assert.equal(typeof error.details['availableBytes'], 'number');
    assert.deepEqual(runtime.files(), []);
  });

  it('with too few descriptors everything works or says TOO_MANY_FILES, and nothing leaks', async (t) => {
    const runtime = new Runtime(t);
    mkdirSync(runtime.directory, { mode: 0o700 });
    const { directory } = runtime;
    const program = new Program(
      'full-table-program',
      { directory },
      { wrapper: ['sh', '-c', 'ulimit -n 128 && exec "$0" "$@"'] },
    );
    const { after: last, ...outcomes } = JSON.parse(await program.line()) as Record<
      string,
      string[]
    >;
    for (const [name, all] of Object.entries(outcomes)) {
      const allowed = new Set(['done', 'TOO_MANY_FILES', ...(ALSO[name] ?? [])]);
      assert.deepEqual(
        all.filter((outcome) => !allowed.has(outcome)),
        [],
        `${name}: ${all.join(', ')}`,
      );
      assert.equal(all.at(-1), 'done', `${name}: ${all.join(', ')}`);
    }
    assert.deepEqual(last, ['frame 1', 'epoch 0']);
    assert.deepEqual(runtime.files(), []);
  });
});

/** A publisher without descriptors cannot take a connection: for its clients it does not answer. */
const ALSO: Readonly<Record<string, readonly string[]>> = { subscriber: ['NO_ANSWER'] };
