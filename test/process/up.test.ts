/** `sluice up`, as it is typed: what runs, what a change of the file does, and what becomes of what fails. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { decodedByFfmpeg, H264, makeClip, withoutFfmpeg } from './camera-clips.js';
import { type Running, Stage } from './cli-program.js';
import { descendantsOf } from './process-tree.js';
import { eventOf } from './up-events.js';

const stage = new Stage();
const folder = mkdtempSync(join(tmpdir(), 'sluice-test-up-'));
after(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const PICTURES = 'lavfi:testsrc2=size=64x48:rate=25';

/** Written aside and renamed, as editors do. */
function save(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  save(path, text);
  return path;
}

async function endOf(running: Running): Promise<void> {
  running.signal('SIGTERM');
  const { code, err } = await running.ended;
  assert.equal(code, 130, err);
}

describe('sluice up', { skip: withoutFfmpeg ?? false, timeout: 120_000 }, () => {
  it('runs cameras, and what is made of them, until it is told to end', async () => {
    const socket = join(folder, 'one.y4m');
    const path = fileOf(
      'one.yaml',
      `cameras:\n  up/one: { input: "${PICTURES}" }\n` +
        `taps:\n  one: { channel: up/one, as: y4m, socket: ${socket} }\n` +
        'filters:\n  up/tensor:\n    inputs: [up/one]\n' +
        '    to: { width: 32, height: 32, colors: rgb, layout: chw, dtype: u8 }\n' +
        'mosaics:\n  up/wall: { inputs: [up/one], width: 64, height: 64 }\n' +
        'encoders:\n  up/one/packets: { input: up/one, keyFrameInterval: 5 }\n' +
        `recorders:\n  one: { channel: up/one, file: ${folder}/one.mp4, segmentSeconds: 1 }\n` +
        `  all: { channel: up/tensor, file: ${folder}/all.mcap }\n`,
    );
    const up = stage.start(['up', path]);
    await up.shows(/camera up\/one: from lavfi/);
    await up.shows(/tap one: up\/one at unix:/);
    const read = ['-v', 'error', '-f', 'yuv4mpegpipe', '-i', `unix:${socket}`, '-frames:v', '3'];
    const tapped = stage.start([...read, '-f', 'framemd5', '-'], { program: ['ffmpeg'] });
    const { out } = await tapped.ended;
    assert.equal(out.split('\n').filter((line) => line.startsWith('0,')).length, 3);
    const sub = await stage.run(['sub', 'up/tensor', '--frames', '2', '--json']);
    assert.equal(sub.code, 0, sub.err);
    for (const channel of ['up/one/packets', 'up/wall']) {
      const { code, err } = await stage.run(['sub', channel, '--frames', '2', '--json']);
      assert.equal(code, 0, err);
    }
    const files = (): string[] => readdirSync(folder).filter((name) => /^one-.*Z\.mp4$/.test(name));
    while (files().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    const children = descendantsOf(up.child.pid!);
    assert.ok(children.length >= 2);
    await endOf(up);
    assert.deepEqual(
      readdirSync(stage.directory).filter((name) => name.startsWith('up~')),
      [],
    );
    assert.ok(!readdirSync(folder).includes('one.y4m'));
    for (const name of files()) assert.equal(decodedByFfmpeg(join(folder, name)).length > 0, true);
    assert.equal(readdirSync(folder).filter((name) => /^all-.*Z\.mcap$/.test(name)).length, 1);
    for (const pid of children) assert.throws(() => process.kill(pid, 0), /ESRCH/);
  });

  it('changes only what is written otherwise, and at a bad file nothing', async () => {
    const kept = `cameras:\n  up/kept: { input: "${PICTURES}" }\n`;
    const path = fileOf('change.yaml', `${kept}  up/gone: { input: "${PICTURES}" }\n`);
    const up = stage.start(['up', path, '--json']);
    await eventOf(up, { event: 'open', name: 'up/kept' });
    await eventOf(up, { event: 'open', name: 'up/gone' });
    const ids = (): unknown =>
      JSON.parse(readFileSync(join(stage.directory, 'up~kept.json'), 'utf8'));
    const before = ids();
    save(path, `${kept}  up/fresh: { input: "${PICTURES}" }\n`);
    const { started, stopped, kept: left } = await eventOf(up, { event: 'plan' });
    assert.deepEqual([started, stopped, left], [1, 1, 1]);
    await eventOf(up, { event: 'open', name: 'up/fresh' });
    save(path, `${kept}  up/fresh: { inpt: x }\n`);
    const refused = await eventOf(up, { event: 'refused' });
    assert.match(String(refused['message']), /has 2 mistakes.*change\.yaml:3:/);
    rmSync(path);
    await eventOf(up, { event: 'refused', message: /cannot be read/ });
    // The same text as before all that: SIGHUP reads it, and there is nothing to do.
    save(path, `${kept}  up/fresh: { input: "${PICTURES}" }\n`);
    up.signal('SIGHUP');
    await eventOf(up, { event: 'plan', started: 0, stopped: 0, kept: 2 });
    assert.deepEqual(ids(), before);
    const [beforeTheEnd = ''] = /^.*"event":"plan"/s.exec(up.out.toString()) ?? [];
    const ended = [...beforeTheEnd.matchAll(/"event":"stopped",.*"name":"(.*)"/g)];
    assert.deepEqual(
      ended.map(([, name]) => name),
      ['up/gone'],
    );
    await endOf(up);
  });

  it('goes on with the rest while a part fails, and tries again', async () => {
    const clip = join(folder, 'late.mp4');
    const path = fileOf(
      'fails.yaml',
      `cameras:\n  up/late: { input: ${clip}, realtime: true }\n` +
        `  up/there: { input: "${PICTURES}" }\n` +
        'taps:\n  nowhere: { channel: up/there, as: y4m, socket: /proc/nothing.y4m }\n',
    );
    const up = stage.start(['up', path]);
    await up.shows(/camera up\/late: .*late\.mp4: it does not exist; next attempt/);
    await up.shows(/tap nowhere: .*next attempt in \d+\.\d s/);
    await up.shows(/camera up\/there: from lavfi/);
    renameSync(makeClip(folder, 'made.mp4', { size: '64x48', seconds: 1, encode: H264 }), clip);
    await up.shows(/camera up\/late: from .*late\.mp4/);
    await up.shows(/camera up\/late: its input has ended/);
    const { code } = await stage.run(['sub', 'up/there', '--frames', '1', '--json']);
    assert.equal(code, 0);
    await endOf(up);
  });

  it('keeps secrets to itself', async () => {
    // Accepts, and never says a word: the reader of the camera stays.
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const path = fileOf(
      'secret.yaml',
      `cameras:\n  up/secret: { input: "rtsp://\${UP_LOGIN}@127.0.0.1:${port}/\${UP_TOKEN}/live" }\n` +
        `  up/silent: { input: "http://127.0.0.1:${port}/\${UP_TOKEN}" }\n` +
        '  up/refused: { input: "http://127.0.0.1:9/${UP_TOKEN}/${UP_LOGIN}" }\n' +
        `  up/shown: { input: "${PICTURES}" }\n`,
    );
    const secrets = ['hidden-user', 'hidden-word', 'hidden-token'];
    const [user, word, token] = secrets;
    const env = { UP_LOGIN: `${user}:${word}`, UP_TOKEN: token! };
    let connections = 0;
    const connected = new Promise<void>((resolve) => {
      silent.on('connection', () => {
        connections += 1;
        if (connections === 2) resolve();
      });
    });
    const up = stage.start(['up', path, '--json', '--metrics', '0'], { env });
    await connected;
    const open = await eventOf(up, { event: 'open', kind: 'metrics' });
    await eventOf(up, { event: 'trouble', name: 'up/refused' });
    await eventOf(up, { event: 'open', name: 'up/shown' });
    const [address] = /http:\S+/.exec(String(open['message'])) ?? [];
    const seen = [await (await fetch(address!)).text()];
    seen.push(await (await fetch(address!.replace('metrics', 'health'))).text());
    const everybody = [up.child.pid!, ...descendantsOf(up.child.pid!)];
    assert.ok(everybody.length >= 4);
    seen.push(...everybody.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')));
    for (const name of readdirSync(stage.directory).filter((file) => file.endsWith('.json'))) {
      seen.push(readFileSync(join(stage.directory, name), 'latin1'));
    }
    await endOf(up);
    silent.close();
    seen.push(up.out.toString(), up.err);
    for (const secret of secrets) {
      for (const text of seen) assert.ok(!text.includes(secret), `${secret} in ${text}`);
    }
    assert.match(seen.join(), /127\.0\.0\.1:9\/…/);
  });

  it('says whether a file is right', async () => {
    const right = fileOf('right.yaml', `cameras:\n  up/a: { input: "${PICTURES}" }\n`);
    const checked = await stage.run(['up', right, '--check']);
    assert.equal(checked.code, 0, checked.err);
    assert.match(checked.out, /right\.yaml is right: 1 camera/);
    const wrong = await stage.run(['up', fileOf('wrong.yaml', 'camera: 1\n'), '--check']);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /wrong\.yaml:1:1: camera: .*Did you mean cameras\?\n.*CONFIG_INVALID/s);
    const absent = await stage.run(['up', join(folder, 'absent.yaml'), '--json']);
    assert.equal(
      (JSON.parse(absent.err) as { error: { code: string } }).error.code,
      'CONFIG_INVALID',
    );
  });

  it('prints the schema of the file', async () => {
    const { out } = await stage.run(['up', '--schema']);
    const schema = JSON.parse(out) as { properties: Record<string, unknown> };
    assert.ok('cameras' in schema.properties && 'mqtt' in schema.properties);
  });

  it('finds a camera whose frames have stopped, though its publisher is there', async () => {
    const path = fileOf(
      'stops.yaml',
      `staleAfterMs: 1000\nmetrics: 0\ncameras:\n  up/stops: { input: "${PICTURES}" }\n`,
    );
    const up = stage.start(['up', path, '--json']);
    const { message } = await eventOf(up, { event: 'open', kind: 'metrics' });
    const [address = ''] = /http:\S+/.exec(String(message)) ?? [];
    const health = address.replace('metrics', 'health');
    await eventOf(up, { event: 'health', healthy: true });
    assert.equal((await fetch(health)).status, 200);
    const { code } = await stage.run(['sub', 'up/stops', '--frames', '2', '--json']);
    assert.equal(code, 0);
    const reader = descendantsOf(up.child.pid!);
    for (const pid of reader) process.kill(pid, 'SIGSTOP');
    await eventOf(up, { event: 'unhealthy', message: /^no picture has come for/ });
    assert.equal((await fetch(health)).status, 503);
    assert.match(await (await fetch(address)).text(), /^sluice_camera_healthy\{.*\} 0$/m);
    assert.equal(spawnSync('kill', ['-CONT', ...reader.map(String)]).status, 0);
    await eventOf(up, { event: 'healthy', name: 'up/stops' });
    for (const [request, status] of [
      [fetch(address, { method: 'POST' }), 405],
      [fetch(address.replace('metrics', 'other')), 404],
    ] as const) {
      assert.equal((await request).status, status);
    }
    await endOf(up);
  });
});
