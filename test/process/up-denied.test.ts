/** `sluice up` where the password of one camera is wrong: it says so without it, and the rest goes on as if it were not there. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodedByFfmpeg, H264, makeClip, Watcher } from './camera-clips.js';
import { type Running, Stage } from './cli-program.js';
import { descendantsOf } from './process-tree.js';
import { RtspServer, withoutRtsp } from './rtsp-server.js';
import { eventOf } from './up-events.js';

const stage = new Stage();
const folder = mkdtempSync(join(tmpdir(), 'sluice-test-denied-'));
after(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const LOGIN = 'viewer:open-sesame';
const WRONG = 'viewer:wrong-sesame';

interface Health {
  readonly healthy: boolean;
  readonly cameras: readonly {
    readonly channel: string;
    readonly healthy: boolean;
    readonly reconnects: number;
    readonly lastError: string;
  }[];
  readonly parts: readonly {
    readonly name: string;
    readonly state: string;
    readonly restarts: number;
  }[];
}

/** The next health that is like this. */
async function healthOf(up: Running, holds: (health: Health) => boolean): Promise<Health> {
  for (;;) {
    const health = (await eventOf(up, { event: 'health' })) as unknown as Health;
    if (holds(health)) return health;
  }
}

/** What the command and everything it started show of themselves. */
function shownBy(running: Running): string {
  const pids = [running.child.pid!, ...descendantsOf(running.child.pid!)];
  const words = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  const names = readdirSync(stage.directory).filter((name) => name.endsWith('.json'));
  const manifests = names.map((name) => readFileSync(join(stage.directory, name), 'latin1'));
  return [...words, ...manifests].join('\n');
}

describe('sluice up and a wrong password', { skip: withoutRtsp ?? false, timeout: 120_000 }, () => {
  let clip = '';
  let server: RtspServer;
  before(async () => {
    const encode = [...H264, '-bf', '0', '-qp', '12'];
    clip = makeClip(folder, 'clip.mp4', { size: '160x120', seconds: 60, encode });
    server = await RtspServer.start({ clip }, { login: LOGIN });
  });
  after(() => server.stop());

  it('is told in words, harms no other part, and is mended by the file', async (test) => {
    const pictures = decodedByFfmpeg(clip);
    assert.equal(new Set(pictures).size, pictures.length);
    const [socket, path] = [join(folder, 'good.y4m'), join(folder, 'denied.yaml')];
    const configWith = (login: string): string =>
      `cameras:\n  up/good: { input: "${server.url('clip', '${UP_LOGIN}')}" }\n` +
      `  up/bad: { input: "${server.url('clip', login)}" }\n` +
      `taps:\n  good: { channel: up/good, as: y4m, socket: ${socket} }\n` +
      `recorders:\n  kept: { channel: up/good, file: ${folder}/kept.mkv }\n`;
    writeFileSync(path, configWith(WRONG));
    const env = { UP_LOGIN: LOGIN };
    const up = stage.start(['up', path, '--json'], { env });
    const told = { event: 'trouble', name: 'up/bad', code: 'CAMERA_DENIED' };
    const { message, retryInMs } = await eventOf(up, told);
    const words = `cannot open ${server.url('clip')}: name or password are wrong (401 Unauthorized)`;
    assert.equal(message, `up/bad: ${words}`);
    assert.equal(retryInMs, 60_000, 'a camera may lock out who comes too often');
    for (const name of ['up/good', 'good', 'kept']) await eventOf(up, { event: 'open', name });

    const watcher = new Watcher('up/good', stage.directory);
    test.after(() => watcher.close());
    await watcher.until((seen) => seen.length > 3);
    const input = ['-v', 'error', '-f', 'yuv4mpegpipe', '-i', `unix:${socket}`, '-frames:v', '3'];
    const tap = stage.start([...input, '-pix_fmt', 'nv12', '-f', 'framemd5', '-'], {
      program: ['ffmpeg'],
    });
    const tapped = [...(await tap.ended).out.matchAll(/^0,.*, (\S+)$/gm)].map(([, sum]) => sum!);
    assert.equal(tapped.length, 3);
    for (const digest of tapped) assert.ok(pictures.includes(digest));
    const isUp = ({ parts }: Health): boolean =>
      parts.every(({ name, state }) => name === 'up/bad' || state === 'running');
    const ill = await healthOf(up, isUp);
    const denied = ill.cameras.find(({ channel }) => channel === 'up/bad')!;
    assert.deepEqual([denied.healthy, denied.lastError], [false, message]);
    assert.equal(ill.parts.find(({ name }) => name === 'up/bad')!.state, 'waiting');
    const shown = [shownBy(up)];

    // As editors do: written aside and renamed.
    writeFileSync(`${path}.new`, configWith('${UP_LOGIN}'));
    renameSync(`${path}.new`, path);
    await eventOf(up, { event: 'plan', started: 1, stopped: 1, kept: 3 });
    await eventOf(up, { event: 'open', name: 'up/bad' });
    const mended = new Watcher('up/bad', stage.directory);
    test.after(() => mended.close());
    await mended.until((seen) => seen.length > 3);
    for (const { digest } of mended.seen) assert.ok(pictures.includes(digest));
    const well = await healthOf(up, ({ healthy }) => healthy);
    for (const { name, restarts } of well.parts) assert.equal(restarts, 0, name);
    for (const { channel, reconnects } of well.cameras) assert.equal(reconnects, 0, channel);
    const count = watcher.seen.length;
    await watcher.until((seen) => seen.length > count + 3);
    for (const { digest, discontinuity } of watcher.seen) {
      assert.ok(!discontinuity && pictures.includes(digest));
    }
    shown.push(shownBy(up));
    up.signal('SIGTERM');
    const { code, out, err } = await up.ended;
    assert.equal(code, 130, err);
    const inTrouble = [...out.matchAll(/"event":"trouble".*?"name":"(.*?)"/g)];
    assert.deepEqual(new Set(inTrouble.map(([, name]) => name)), new Set(['up/bad']));
    const kept = readdirSync(folder).filter((name) => /^kept-.*\.mkv$/.test(name));
    assert.equal(kept.length, 1);
    const recorded = decodedByFfmpeg(join(folder, kept[0]!));
    const from = pictures.indexOf(recorded[0]!);
    assert.ok(recorded.length > 10);
    assert.deepEqual(recorded, pictures.slice(from, from + recorded.length));
    for (const text of [...shown, out, err]) assert.doesNotMatch(text, /sesame|viewer/);
  });

  it('is told in the log, without it', async () => {
    const path = join(folder, 'alone.yaml');
    writeFileSync(path, `cameras:\n  up/alone: { input: "${server.url('clip', WRONG)}" }\n`);
    const up = stage.start(['up', path]);
    await up.shows(/next attempt/);
    up.signal('SIGTERM');
    const { out, err } = await up.ended;
    const words = `camera up/alone: cannot open ${server.url('clip')}: name or password are wrong`;
    assert.ok(err.includes(`${words} (401 Unauthorized); next attempt in 60.0 s\n`), err);
    assert.doesNotMatch(out + err, /sesame|viewer/);
  });
});
