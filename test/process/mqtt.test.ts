/** Health by MQTT, told to a real broker: Debian's mosquitto. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connectAsync } from 'mqtt';
import { withoutFfmpeg } from './camera-clips.js';
import { Stage } from './cli-program.js';
import { eventOf } from './up-events.js';

const MOSQUITTO = '/usr/sbin/mosquitto';
const skip = withoutFfmpeg ?? (existsSync(MOSQUITTO) ? false : 'mosquitto is not installed');
const LOGIN = 'reporter:not-for-everybody';

const stage = new Stage();
const folder = mkdtempSync(join(tmpdir(), 'sluice-test-mqtt-'));
const brokers: ChildProcess[] = [];
after(async () => {
  for (const broker of brokers) broker.kill('SIGKILL');
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A broker that knows one name and password. */
async function startBroker(port: number): Promise<ChildProcess> {
  const [user = '', password = ''] = LOGIN.split(':');
  const passwords = join(folder, 'passwords');
  spawnSync('mosquitto_passwd', ['-c', '-b', passwords, user, password]);
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous false', 'user root'];
  const config = join(folder, `${port}.conf`);
  writeFileSync(config, [...lines, `password_file ${passwords}`, ''].join('\n'));
  const broker = spawn(MOSQUITTO, ['-c', config], { stdio: 'ignore' });
  brokers.push(broker);
  for (;;) {
    assert.equal(broker.exitCode, null, 'the broker has ended');
    const socket = connectTo(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return broker;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Everything that a broker tells of some topics, and what it told last of each. */
class Listener {
  readonly last = new Map<string, string>();
  readonly said: string[] = [];
  #onMessage: () => void = () => undefined;

  static async open(port: number): Promise<Listener & AsyncDisposable> {
    const [username = '', password = ''] = LOGIN.split(':');
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { username, password });
    client.on('error', () => undefined);
    const listener = new Listener();
    client.on('message', (topic, bytes) => {
      listener.last.set(topic, bytes.toString());
      listener.said.push(`${topic} ${bytes.toString()}`);
      listener.#onMessage();
    });
    await client.subscribeAsync('#', { qos: 1 });
    return Object.assign(listener, {
      [Symbol.asyncDispose]: () => client.endAsync(true),
    });
  }

  /** Resolves when the last word on a topic matches. */
  async hears(topic: string, wanted: RegExp | string): Promise<string> {
    for (;;) {
      const text = this.last.get(topic);
      const isIt = typeof wanted === 'string' ? text === wanted : wanted.test(text ?? '');
      if (text !== undefined && isIt) return text;
      await new Promise<void>((resolve) => (this.#onMessage = resolve));
    }
  }
}

function fileOf(name: string, port: number, login: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `mqtt: { url: "mqtt://${login}@127.0.0.1:${port}", topic: site/nvr, everyMs: 100 }\n` +
      'cameras:\n' +
      '  door: { input: "lavfi:testsrc2=size=64x48:rate=25" }\n' +
      '  away: { input: "http://127.0.0.1:9/" }\n',
  );
  return path;
}

describe('sluice up with a broker', { skip, timeout: 120_000 }, () => {
  it('says how every camera is, and that it is gone when it was killed', async () => {
    const port = await freePort();
    await startBroker(port);
    await using listener = await Listener.open(port);
    const path = fileOf('told.yaml', port, '${BROKER}');
    const up = stage.start(['up', path, '--json'], { env: { BROKER: LOGIN } });
    await listener.hears('site/nvr/status', 'online');
    await listener.hears('site/nvr/cameras/door/status', 'online');
    await listener.hears('site/nvr/cameras/away/status', 'offline');
    const health = await listener.hears('site/nvr/cameras/door/health', /"healthy":true.*/);
    const { channel, state, decoder } = JSON.parse(health) as Record<string, unknown>;
    assert.deepEqual([channel, state, decoder], ['door', 'live', 'ffmpeg']);
    await listener.hears('site/nvr/cameras/door/health', /"frames":\d{2}/);
    await listener.hears('site/nvr/cameras/away/health', /connection was refused/);
    up.signal('SIGKILL');
    await up.ended;
    await listener.hears('site/nvr/status', 'offline');
    // Who comes later hears the same.
    await using late = await Listener.open(port);
    await late.hears('site/nvr/status', 'offline');
    await late.hears('site/nvr/cameras/door/health', /"channel":"door"/);
    assert.doesNotMatch(listener.said.join(), /reporter|not-for-everybody/);
  });

  it('takes back what it said of a camera that is gone, and says goodbye', async () => {
    const port = await freePort();
    await startBroker(port);
    await using listener = await Listener.open(port);
    const path = fileOf('ends.yaml', port, LOGIN);
    const up = stage.start(['up', path, '--json']);
    await listener.hears('site/nvr/cameras/away/status', 'offline');
    await listener.hears('site/nvr/cameras/door/status', 'online');
    writeFileSync(
      path,
      `mqtt: { url: "mqtt://${LOGIN}@127.0.0.1:${port}", topic: site/nvr, everyMs: 100 }\n` +
        'cameras:\n  door: { input: "lavfi:testsrc2=size=64x48:rate=25" }\n',
    );
    await listener.hears('site/nvr/cameras/away/status', '');
    await listener.hears('site/nvr/cameras/away/health', '');
    up.signal('SIGTERM');
    assert.equal((await up.ended).code, 130);
    await listener.hears('site/nvr/status', 'offline');
    await listener.hears('site/nvr/cameras/door/status', 'offline');
  });

  it('connects again to a broker that was away, and leaves its cameras alone', async () => {
    const port = await freePort();
    const first = await startBroker(port);
    const path = fileOf('again.yaml', port, LOGIN);
    const up = stage.start(['up', path, '--json']);
    await eventOf(up, { event: 'open', kind: 'mqtt' });
    await eventOf(up, { event: 'open', name: 'door' });
    first.kill('SIGKILL');
    await eventOf(up, { event: 'trouble', kind: 'mqtt', message: /is lost/ });
    await eventOf(up, { event: 'trouble', kind: 'mqtt', message: /ECONNREFUSED/ });
    await startBroker(port);
    await using listener = await Listener.open(port);
    await listener.hears('site/nvr/status', 'online');
    await listener.hears('site/nvr/cameras/door/status', 'online');
    assert.doesNotMatch(up.out.toString(), /"event":"(?:trouble|stopped)","[^}]*"name":"door"/);
    up.signal('SIGTERM');
    await up.ended;
  });

  it('shows cameras to Home Assistant, until they are gone', async () => {
    const port = await freePort();
    await startBroker(port);
    await using listener = await Listener.open(port);
    const path = join(folder, 'found.yaml');
    const head = `mqtt: { url: "mqtt://${LOGIN}@127.0.0.1:${port}", topic: site/nvr, everyMs: 100, discovery: ha }\n`;
    const cameras = 'cameras:\n  a.b/c: { input: "lavfi:testsrc2=size=64x48:rate=25" }\n';
    writeFileSync(path, head + cameras);
    const up = stage.start(['up', path, '--json']);
    await listener.hears('site/nvr/cameras/a.b/c/status', 'online');
    const configs = [...listener.last].filter(([topic]) => topic.startsWith('ha/'));
    assert.equal(configs.length, 8);
    const ids = new Set<unknown>();
    for (const [topic, text] of configs) {
      assert.match(topic, /^ha\/(?:binary_)?sensor\/sluice_a_b_c_[0-9a-f]{8}\/[a-z_]+\/config$/);
      const { unique_id, state_topic, availability_topic, device, value_template } = JSON.parse(
        text,
      ) as Record<string, unknown>;
      ids.add(unique_id);
      assert.equal(availability_topic, 'site/nvr/status');
      assert.equal((device as { name: string }).name, 'a.b/c');
      const health = await listener.hears(String(state_topic), /./);
      // What a template names is what is told.
      const [, key] = /value_json\.(\w+)/.exec(String(value_template)) ?? [];
      if (key !== undefined) assert.ok(key in (JSON.parse(health) as object), key);
    }
    assert.equal(ids.size, 8);
    writeFileSync(path, head);
    for (const [topic] of configs) await listener.hears(topic, '');
    up.signal('SIGTERM');
    await up.ended;
  });

  it('is told of a single camera, too, also while that is not there', async () => {
    const port = await freePort();
    await startBroker(port);
    await using listener = await Listener.open(port);
    const words = ['--mqtt', `mqtt://\${BROKER}@127.0.0.1:${port}`, '--mqtt-topic', 'one'];
    const camera = stage.start(['camera', 'alone', 'http://127.0.0.1:9/', '--json', ...words], {
      env: { BROKER: LOGIN },
    });
    await listener.hears('one/status', 'online');
    await listener.hears('one/cameras/alone/status', 'offline');
    await listener.hears('one/cameras/alone/health', /connection was refused/);
    camera.signal('SIGTERM');
    const { code, out, err } = await camera.ended;
    assert.equal(code, 130);
    assert.doesNotMatch(out + err, /reporter|not-for-everybody/);
    await listener.hears('one/status', 'offline');
  });

  it('says that the password is wrong, and not the password', async () => {
    const port = await freePort();
    await startBroker(port);
    const url = `mqtt://\${WRONG}@127.0.0.1:${port}`;
    const path = join(folder, 'plain.yaml');
    writeFileSync(path, 'cameras:\n  door: { input: "lavfi:testsrc2=size=64x48:rate=25" }\n');
    const wrong = { env: { WRONG: 'reporter:wrong-word' } };
    const up = stage.start(['up', path, '--json', '--mqtt', url], wrong);
    const { message } = await eventOf(up, { event: 'trouble', kind: 'mqtt' });
    assert.match(String(message), new RegExp(`cannot report to mqtt://127.0.0.1:${port}: .*uthor`));
    up.signal('SIGTERM');
    const { out, err } = await up.ended;
    assert.doesNotMatch(out + err, /wrong-word|reporter/);
    const plain = await stage.run(['up', path, '--mqtt', 'mqtt://a:b@127.0.0.1']);
    assert.equal(plain.code, 2);
    assert.match(plain.err, /--mqtt: the words of a command can be seen by everybody/);
    const half = ['up', path, '--mqtt', 'mqtt://reporter:plain-word@${HOST_OF_BROKER}'];
    const beside = await stage.run(half, '', { HOST_OF_BROKER: '127.0.0.1' });
    assert.equal(beside.code, 2);
    assert.match(beside.err, /--mqtt: the words of a command can be seen by everybody/);
  });
});
