/** Inputs beside files and RTSP: a screen, devices, and a second stream of the same camera. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { listChannels, video } from '../../src/index.js';
import { openCamera, openPackets } from '../../src/video.js';
import { H264, makeClip, Watcher, withoutFfmpeg } from './camera-clips.js';
import { Stage } from './cli-program.js';
import { descendantsOf } from './process-tree.js';
import { Runtime } from './runtime.js';
import { eventOf } from './up-events.js';

const SIZE = { width: 96, height: 64 };
const stage = new Stage();
after(() => stage.close());

const withoutScreen =
  withoutFfmpeg ??
  (spawnSync('Xvfb', ['-help']).error === undefined ? undefined : 'Xvfb is not installed');

/** A screen of one colour that exists nowhere; it says itself which number it has. */
async function startScreen(): Promise<{ readonly server: ChildProcess; readonly name: string }> {
  const words = ['-displayfd', '3', '-screen', '0', '160x96x24', '-nolisten', 'tcp'];
  const stdio = ['ignore', 'ignore', 'ignore', 'pipe'] as const;
  const server = spawn('Xvfb', words, { stdio: [...stdio] });
  const told = createInterface({ input: server.stdio[3] as NodeJS.ReadableStream });
  const ended = once(server, 'exit').then(() => Promise.reject(new Error('Xvfb has ended')));
  const [line] = (await Promise.race([once(told, 'line'), ended])) as [string];
  ended.catch(() => undefined);
  return { server, name: `:${line.trim()}` };
}

describe('a camera of a screen', { skip: withoutScreen ?? false }, () => {
  it('gives what is on it, and waits for it when it is gone', async (test) => {
    const { directory } = new Runtime(test);
    const { server, name } = await startScreen();
    test.after(() => server.kill('SIGKILL'));
    const camera = await openCamera('screen', { input: `x11:${name}`, directory });
    test.after(() => camera.close());
    const watcher = new Watcher('screen', directory);
    test.after(() => watcher.close());
    await watcher.until((seen) => seen.length > 3);
    const { width, height, pixelFormat } = camera.format!;
    assert.deepEqual([width, height, pixelFormat], [160, 96, 'nv12']);
    assert.equal(new Set(watcher.seen.map(({ digest }) => digest)).size, 1, 'a screen at rest');
    const times = watcher.seen.map(({ ptsNs }) => ptsNs);
    assert.ok(times.every((time, at) => at === 0 || time > times[at - 1]!));
    const lost = (async () => {
      for await (const status of camera.status()) if (status.type === 'lost') return status.error;
      return undefined;
    })();
    server.kill('SIGTERM');
    assert.match((await lost)?.message ?? '', new RegExp(`^screen: x11:${name} is lost`));
  });

  it('says that there is none', async (test) => {
    const { directory } = new Runtime(test);
    const input = 'x11::4711';
    await assert.rejects(openCamera('screen', { input, directory, whenMissing: 'fail' }), {
      code: 'CAMERA_UNREACHABLE',
      message: /^screen: cannot open x11::4711: there is no such screen/,
    });
  });
});

describe('a camera of a device', { skip: withoutFfmpeg ?? false }, () => {
  it('says that it is not there', async (test) => {
    const { directory } = new Runtime(test);
    await assert.rejects(openCamera('desk', { input: '/dev/video63', directory }), {
      code: 'CAMERA_UNREACHABLE',
      message: 'desk: cannot open /dev/video63: it does not exist',
    });
  });

  it('says that it gives no pictures', async (test) => {
    const { directory } = new Runtime(test);
    const device = '/dev/video62';
    try {
      symlinkSync('/dev/null', device);
    } catch {
      test.skip('this user may not write to /dev');
      return;
    }
    test.after(() => rmSync(device));
    await assert.rejects(openCamera('desk', { input: device, directory }), {
      code: 'CAMERA_FORMAT',
      message: `desk: cannot open ${device}: it is a device that gives no pictures`,
    });
  });
});

describe('a camera whose channel cannot be opened', { skip: withoutFfmpeg ?? false }, () => {
  for (const [name, live] of [
    ['of packets', true],
    ['of raw pictures', false],
  ] as const) {
    it(`is refused with the reason, and nothing of it stays: an input ${name}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory, folder } = runtime;
      await runtime.publisher('camera/taken', { format: video({ ...SIZE, pixelFormat: 'nv12' }) });
      const clip = makeClip(folder, 'clip.mp4', { encode: H264 });
      const input = live ? clip : 'lavfi:testsrc2=size=96x64';
      const options = { input, loop: live, realtime: true, directory };
      await assert.rejects(openCamera('camera/taken', options), { code: 'CHANNEL_IN_USE' });
      assert.deepEqual(descendantsOf(process.pid), []);
    });
  }
});

describe('a sub-stream', { skip: withoutFfmpeg ?? false, timeout: 120_000 }, () => {
  const clips = (runtime: Runtime): readonly [string, string] => {
    const encode = [...H264, '-bf', '0'];
    const main = makeClip(runtime.folder, 'main.mp4', { encode });
    return [main, makeClip(runtime.folder, 'sub.mp4', { encode, size: '96x64' })];
  };

  it('is published beside the main one, with packets and health of its own', async (test) => {
    const runtime = new Runtime(test);
    const [main, sub] = clips(runtime);
    const { directory } = runtime;
    const words = ['camera', 'camera/door', main, '--sub-stream', sub, '--loop', '--realtime'];
    const served = ['--decode', 'demand', '--json', '--dir', directory, '--metrics', '0'];
    const running = stage.start([...words, ...served]);
    const { message } = await eventOf(running, { event: 'open', kind: 'metrics' });
    const [address = ''] = /http:\S+/.exec(String(message)) ?? [];
    for (const channel of ['camera/door', 'camera/door/sub']) {
      await running.shows(new RegExp(`"event":"stats","channel":"${channel}","state":"live"`));
    }
    const metrics = await (await fetch(address)).text();
    for (const channel of ['camera/door', 'camera/door/sub']) {
      assert.match(metrics, new RegExp(`^sluice_camera_live\\{channel="${channel}"\\} 1$`, 'm'));
    }
    const watcher = new Watcher('camera/door/sub', directory);
    await watcher.until((seen) => seen.length > 2);
    assert.equal(watcher.seen[0]!.width, 96);
    await watcher.close();
    const packets = await openPackets('camera/door/sub/packets', { directory });
    assert.equal((await packets.receive()).codec, 'h264');
    await packets.close();
    const idle = /"event":"stats","channel":"camera\/door","state":"live"[^\n]*"frames":0,/;
    assert.match(running.out.toString(), idle, 'nobody asked for frames of the main stream');
    running.signal('SIGTERM');
    assert.equal((await running.ended).code, 130);
    assert.deepEqual(await listChannels('**', { directory }), []);
  });

  it('ends with the main one, and ends it when it can never come', async (test) => {
    const runtime = new Runtime(test);
    const [main] = clips(runtime);
    const { directory } = runtime;
    const common = ['camera', 'camera/door', main, '--dir', directory, '--realtime'];
    const whole = await stage.run([...common, '--sub-stream', 'lavfi:testsrc2=size=64x48']);
    assert.equal(whole.code, 0, whole.err);
    assert.match(whole.err, /camera\/door: published 50 frames/);
    const absent = join(runtime.folder, 'absent.mp4');
    const failed = await stage.run([...common, '--loop', '--sub-stream', absent]);
    assert.equal(failed.code, 1);
    assert.match(failed.err, /camera\/door\/sub: cannot open .*absent\.mp4: it does not exist/);
    const unset = await stage.run([...common, '--sub-stream', 'rtsp://${NO_SUCH_LOGIN}@host/b']);
    assert.equal(unset.code, 2);
  });
});
