/** How one camera is, as others see it: by `sluice info`, by `sluice top`, and by Prometheus. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { withoutFfmpeg } from './camera-clips.js';
import { Stage } from './cli-program.js';
import { descendantsOf } from './process-tree.js';
import { eventOf } from './up-events.js';

const PICTURES = 'lavfi:testsrc2=size=64x48:rate=25';
const stage = new Stage();
after(() => stage.close());

interface Told {
  readonly publisher: { readonly userStats: { readonly camera: Record<string, unknown> } };
}

describe('the health of a camera', { skip: withoutFfmpeg ?? false, timeout: 120_000 }, () => {
  it('is told to who asks its channel', async () => {
    const camera = stage.start(['camera', 'health/a', PICTURES, '--json']);
    await eventOf(camera, { event: 'stats', state: 'live' });
    const info = await stage.run(['info', 'health/a', '--json']);
    const { publisher } = JSON.parse(info.out) as Told;
    const told = publisher.userStats.camera;
    assert.deepEqual([told['state'], told['reconnects']], ['live', 0]);
    for (const key of [
      'framesPerSecond',
      'bitsPerSecond',
      'decodeMs',
      'dropped',
      'lastFrameAgeMs',
    ]) {
      assert.equal(typeof told[key], 'number', key);
    }
    assert.match((await stage.run(['info', 'health/a'])).out, /^camera {5}live, raw.*reconnects/m);
    const top = await stage.run(['top', 'health/*', '--frames', '1', '--json']);
    const [line = ''] = top.out.split('\n');
    const { channels } = JSON.parse(line) as { channels: Told[] };
    assert.equal(channels[0]?.publisher.userStats.camera['state'], 'live');
    const table = await stage.run(['top', 'health/*', '--frames', '1']);
    assert.match(table.out, /\n\nCAMERA .*RECONNECTS.*\nhealth\/a +live/);
    for (const pid of descendantsOf(camera.child.pid!)) process.kill(pid, 'SIGKILL');
    await eventOf(camera, { event: 'lost' });
    const lost = JSON.parse((await stage.run(['info', 'health/a', '--json'])).out) as Told;
    const { lastError } = lost.publisher.userStats.camera;
    assert.notEqual(lastError, '');
    camera.signal('SIGTERM');
    await camera.ended;
  });

  it('is told to Prometheus, from before the camera is there', async () => {
    const camera = stage.start([
      'camera',
      'health/b',
      'http://127.0.0.1:9/',
      '--json',
      '--metrics',
      '0',
    ]);
    const { message } = await eventOf(camera, { event: 'open', kind: 'metrics' });
    const [address = ''] = /http:\S+/.exec(String(message)) ?? [];
    await eventOf(camera, { event: 'lost' });
    const text = await (await fetch(address)).text();
    assert.match(text, /^sluice_camera_healthy\{channel="health\/b"\} 0$/m);
    assert.equal((await fetch(address.replace('metrics', 'health'))).status, 503);
    if (spawnSync('promtool', ['--version']).status === 0) {
      assert.equal(spawnSync('promtool', ['check', 'metrics'], { input: text }).status, 0);
    }
    camera.signal('SIGTERM');
    assert.equal((await camera.ended).code, 130);
  });

  it('waits for a port that is in use, and the camera goes on', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const camera = stage.start([
      'camera',
      'health/c',
      PICTURES,
      '--json',
      '--metrics',
      String(port),
    ]);
    const { message } = await eventOf(camera, { event: 'trouble', kind: 'metrics' });
    assert.match(String(message), /cannot be served at .*EADDRINUSE/);
    await eventOf(camera, { event: 'stats', state: 'live' });
    other.close();
    await eventOf(camera, { event: 'open', kind: 'metrics' });
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(text, /^sluice_camera_live\{channel="health\/c"\} 1$/m);
    camera.signal('SIGTERM');
    await camera.ended;
  });
});
