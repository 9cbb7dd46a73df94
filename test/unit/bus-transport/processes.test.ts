import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectChannel } from '../../../src/bus/transport/channel-client.js';
import { isSluiceError } from '../../../src/core/errors.js';
import { closeDescriptor, connectUnix, watchReadable } from '../../../src/ffi/index.js';
import { temporaryDirectory } from '../ffi/descriptors.js';
import { openTestChannel } from './channel.js';
import { HELLO, Recorder } from './recorder.js';

const own = { expectUid: (uid: number) => uid === process.getuid?.() };
const children = new Set<ChildProcess>();

/** A helper program whose output is read line by line. It ends with this test. */
class Program {
  readonly child: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: string[] = [];

  constructor(name: string, programArguments: readonly string[], maxDescriptors = 1024) {
    const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    this.child = spawn(
      'sh',
      [
        '-c',
        `ulimit -n ${maxDescriptors} && exec "$0" "$@"`,
        process.execPath,
        file,
        ...programArguments,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    children.add(this.child);
    this.#lines = createInterface(this.child.stdout!).on('line', (line) =>
      this.#waiting.push(line),
    );
  }

  async line(): Promise<string> {
    while (this.#waiting.length === 0) await once(this.#lines, 'line');
    return this.#waiting.shift()!;
  }

  ask(command: string): Promise<string> {
    this.child.stdin!.write(`${command}\n`);
    return this.line();
  }
}

after(() => {
  for (const child of children) child.kill('SIGKILL');
});

describe('a subscriber process', () => {
  it('that is killed ends its session', async () => {
    const channel = openTestChannel();
    const program = new Program('client-program', [channel.path, 'idle']);
    assert.equal(await program.line(), 'ready');
    program.child.kill('SIGKILL');
    await channel.events.until(() => channel.events.log.length === 2);
    assert.match(channel.events.log[1] ?? '', /^end 1 (?:exited|ended)$/);
    channel.close();
  });

  it('that is killed ends its session even if a child of it keeps the socket', async () => {
    const channel = openTestChannel();
    const program = new Program('client-program', [channel.path, 'leave-child']);
    const heir = Number((await program.line()).split(' ')[1]);
    program.child.kill('SIGKILL');
    await channel.events.until(() => channel.events.log.length === 3);
    process.kill(heir, 'SIGKILL');
    assert.deepEqual(channel.events.log, ['welcome 1', 'wake 1', 'end 1 exited']);
    channel.close();
  });

  it('that is stopped keeps its session', async () => {
    const channel = openTestChannel({ helloTimeoutMs: 50 });
    const program = new Program('client-program', [channel.path, 'idle']);
    assert.equal(await program.line(), 'ready');
    program.child.kill('SIGSTOP');
    // Longer than the server's own deadline, as the end of a silent client shows.
    const silent = connectUnix(channel.path);
    const [session] = channel.server.sessions;
    for (let rings = 0; rings < 10_000; rings += 1) session?.wake();
    await untilReadable(silent);
    closeDescriptor(silent);
    assert.deepEqual(channel.events.log, ['welcome 1']);
    program.child.stdin!.write('ring\n');
    program.child.kill('SIGCONT');
    await channel.events.until(() => channel.events.log.length === 2);
    assert.deepEqual(channel.events.log, ['welcome 1', 'wake 1']);
    channel.close();
  });
});

/** Resolves when the server dropped a silent client. */
async function untilReadable(fd: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const watch = watchReadable(fd, () => {
      watch.close();
      resolve();
    });
  });
}

describe('a publisher process', () => {
  const directory = temporaryDirectory();
  after(() => directory.remove());

  it('that is stopped does not answer, and answers when it goes on', async () => {
    const path = join(directory.path, 'stopped.sock');
    const program = new Program('server-program', [path]);
    assert.equal(await program.line(), 'ready');
    program.child.kill('SIGSTOP');
    await assert.rejects(
      connectChannel(path, HELLO, { ...own, timeoutMs: 100 }),
      (error) => isSluiceError(error, 'NO_ANSWER') && /is stopped/.test(error.message),
    );
    const patient = connectChannel(path, HELLO, { ...own, timeoutMs: 20_000 });
    program.child.kill('SIGCONT');
    const { connection, descriptors } = await patient;
    for (const descriptor of descriptors) closeDescriptor(descriptor);
    const saw = new Recorder<'client'>();
    connection.resume(saw);
    program.child.kill('SIGSTOP');
    assert.equal(connection.receiveSync(150), false, 'stopped is not dead');
    program.child.kill('SIGKILL');
    assert.equal(connection.receiveSync(20_000), true);
    assert.match(saw.log.join(), /^end (?:exited|ended)$/);
  });

  it('without descriptors lets clients wait, without spinning, and takes them later', async () => {
    const path = join(directory.path, 'full.sock');
    const program = new Program('server-program', [path], 64);
    assert.equal(await program.line(), 'ready');
    assert.equal(await program.ask('fill 0'), 'full');
    await assert.rejects(connectChannel(path, HELLO, { ...own, timeoutMs: 400 }), (error) =>
      isSluiceError(error, 'NO_ANSWER'),
    );
    const patient = connectChannel(path, HELLO, { ...own, timeoutMs: 20_000 });
    const utilization = Number(await program.ask('free'));
    assert.ok(utilization < 0.5, `the event loop was busy for ${utilization} of the time`);
    const { connection, descriptors } = await patient;
    for (const descriptor of descriptors) closeDescriptor(descriptor);
    connection.close();
    program.child.stdin!.end();
    await once(program.child, 'exit');
  });

  it('with one descriptor left says so', async () => {
    const path = join(directory.path, 'nearly-full.sock');
    const program = new Program('server-program', [path], 64);
    assert.equal(await program.line(), 'ready');
    assert.equal(await program.ask('fill 1'), 'full');
    await assert.rejects(connectChannel(path, HELLO, own), (error) =>
      isSluiceError(error, 'TOO_MANY_FILES'),
    );
    program.child.stdin!.end();
    await once(program.child, 'exit');
  });
});
