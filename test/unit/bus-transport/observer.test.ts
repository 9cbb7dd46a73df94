import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectChannel } from '../../../src/bus/transport/channel-client.js';
import { observeChannel, openObserver } from '../../../src/bus/transport/observer.js';
import { isSluiceError, type ErrorCode } from '../../../src/core/errors.js';
import { closeDescriptor, listenUnix } from '../../../src/ffi/index.js';
import { encodeFrame, FrameType } from '../../../src/layout/handshake.js';
import { temporaryDirectory } from '../ffi/descriptors.js';
import { MANIFEST, openTestChannel } from './channel.js';
import { HELLO, WELCOME } from './recorder.js';

const own = { expectUid: (uid: number) => uid === process.getuid?.() };

/** A server that answers the first bytes of a client with `answer`, and then perhaps ends. */
async function withFakeServer(
  answer: (socket: Socket) => void,
  body: (path: string) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'fake.sock');
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  await new Promise<void>((done) => server.listen(path, done));
  try {
    await body(path);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
    directory.remove();
  }
}

/** Both ways to connect fail with `code`. */
async function bothFail(path: string, timeoutMs: number, code: ErrorCode): Promise<void> {
  const failsWith = (error: unknown): boolean => {
    assert.ok(isSluiceError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.doesNotMatch(error.message, /\u001b/);
    return true;
  };
  await assert.rejects(connectChannel(path, HELLO, { ...own, timeoutMs }), failsWith);
  await assert.rejects(observeChannel(path, { timeoutMs }), failsWith);
}

describe('an observer', () => {
  it('gets manifest and statistics without a session or descriptors', async () => {
    const channel = openTestChannel();
    assert.deepEqual(await observeChannel(channel.path), {
      manifest: MANIFEST,
      stats: { publisher: { calls: 1 }, subscribers: [] },
    });
    assert.deepEqual(channel.events.log, []);
    channel.close();
  });

  it('asks again and again; the publisher is asked at most 20 times a second', async () => {
    let nowMs = 1000;
    const channel = openTestChannel({ nowMs: () => nowMs });
    const observer = await openObserver(channel.path, { label: 'top' });
    for (let asks = 0; asks < 100; asks += 1) await observer.ask();
    assert.equal(channel.statsCalls, 1);
    nowMs += 49;
    assert.deepEqual((await observer.ask()).publisher, { calls: 1 });
    nowMs += 1;
    const [first, second] = await Promise.all([observer.ask(), observer.ask()]);
    assert.deepEqual(first.publisher, { calls: 2 });
    assert.equal(second, first, 'one answer for both');
    assert.equal(observer.stats, first);
    observer.close();
    observer.close();
    await assert.rejects(observer.ask(), (error) => isSluiceError(error, 'CLOSED'));
    channel.close();
  });

  it('fails when the publisher ends', async () => {
    const channel = openTestChannel();
    const observer = await openObserver(channel.path);
    channel.close();
    await assert.rejects(observer.ask(), (error) => isSluiceError(error, 'CHANNEL_NOT_FOUND'));
    assert.ok(observer.ended);
  });

  it('gets as many subscribers as fit into a frame, and the number of the others', async () => {
    const subscribers = Array.from({ length: 400 }, () => ({ label: 'x'.repeat(200) }));
    const channel = openTestChannel({ stats: () => ({ publisher: {}, subscribers }) });
    const observer = await openObserver(channel.path);
    for (const stats of [observer.stats, await observer.ask()]) {
      assert.equal(stats.subscribers.length + (stats.omitted ?? 0), 400);
      assert.ok(stats.subscribers.length >= 100);
    }
    observer.close();
    channel.close();
  });

  it('loads no foreign function interface', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, name] of readFileSync(file, 'utf8').matchAll(/from '([^']+)'/g)) {
        if (name?.startsWith('.')) visit(resolve(dirname(file), name));
        else seen.add(name ?? '');
      }
    };
    visit(fileURLToPath(new URL('../../../src/bus/transport/observer.js', import.meta.url)));
    assert.ok(seen.size > 5);
    assert.deepEqual(
      [...seen].filter((name) => /ffi|koffi/.test(name)),
      [],
    );
  });
});

describe('connecting', () => {
  it('tries again where the publisher asks to, until it is welcomed', async () => {
    const details = { busy: true };
    const busy = { code: 'TOO_MANY_SUBSCRIBERS', message: 'wait', remedy: '', details };
    for (const role of ['subscriber', 'observer']) {
      const stats = { publisher: {}, subscribers: [] };
      const welcome = role === 'observer' ? { manifest: {}, stats } : WELCOME;
      let refusals = 0;
      await withFakeServer(
        (socket) => {
          refusals += 1;
          if (refusals <= 2) socket.end(encodeFrame(FrameType.ERROR, busy));
          else socket.write(encodeFrame(FrameType.WELCOME, welcome));
        },
        async (path) => {
          const options = { ...own, timeoutMs: 20_000 };
          if (role === 'observer') await observeChannel(path, options);
          else (await connectChannel(path, HELLO, options)).connection.close();
        },
      );
      assert.equal(refusals, 3);
    }
  });
});

describe('connecting fails with', () => {
  it('CHANNEL_NOT_FOUND where nothing is, or nobody listens any more', async () => {
    const directory = temporaryDirectory();
    await bothFail(join(directory.path, 'none.sock'), 5000, 'CHANNEL_NOT_FOUND');
    const path = join(directory.path, 'debris.sock');
    closeDescriptor(listenUnix(path, 0o600));
    await bothFail(path, 5000, 'CHANNEL_NOT_FOUND');
    const file = join(directory.path, 'file.sock');
    writeFileSync(file, '');
    await bothFail(file, 5000, 'CHANNEL_NOT_FOUND');
    directory.remove();
  });

  it('NO_ANSWER where the publisher takes the connection but says nothing', async () => {
    await withFakeServer(
      () => {},
      async (path) => {
        await bothFail(path, 30, 'NO_ANSWER');
        await assert.rejects(connectChannel(path, HELLO, { ...own, timeoutMs: 1 }), /stopped/);
      },
    );
  });

  it('NO_ANSWER where the queue of a stopped publisher is full', async () => {
    const directory = temporaryDirectory();
    const path = join(directory.path, 'c.sock');
    const listener = listenUnix(path, 0o600);
    const waiting: Promise<unknown>[] = [];
    const controllers = Array.from({ length: 200 }, () => new AbortController());
    for (const { signal } of controllers) {
      const options = { ...own, signal, timeoutMs: 60_000 };
      waiting.push(connectChannel(path, HELLO, options).catch((error: unknown) => error));
    }
    await bothFail(path, 40, 'NO_ANSWER');
    for (const controller of controllers) controller.abort(new Error('enough'));
    for (const error of await Promise.all(waiting))
      assert.equal((error as Error).message, 'enough');
    closeDescriptor(listener);
    directory.remove();
  });

  it('CHANNEL_NOT_FOUND where the publisher ends without a word, or with BYE', async () => {
    const bye = encodeFrame(FrameType.BYE, { reason: '\u001b[2J' });
    for (const word of [new Uint8Array(0), bye]) {
      await withFakeServer(
        (socket) => socket.end(word),
        (path) => bothFail(path, 5000, 'CHANNEL_NOT_FOUND'),
      );
    }
  });

  it('the code of an ERROR frame, its text made printable; PROTOCOL for an unknown code', async () => {
    const codes: [string, ErrorCode][] = [
      ['LEASES_EXHAUSTED', 'LEASES_EXHAUSTED'],
      ['\u001b]0;', 'PROTOCOL'],
    ];
    for (const [code, expected] of codes) {
      const body = { code, message: 'no \u001b[31m', remedy: '\u001b' };
      await withFakeServer(
        (socket) => socket.end(encodeFrame(FrameType.ERROR, body)),
        (path) => bothFail(path, 5000, expected),
      );
    }
  });

  it('PROTOCOL for garbage and for frames out of place', async () => {
    const answers = [
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      encodeFrame(FrameType.STATS, { publisher: {}, subscribers: [] }),
      encodeFrame(FrameType.WELCOME, {}),
      encodeFrame(FrameType.HELLO, HELLO),
    ];
    for (const answer of answers) {
      await withFakeServer(
        (socket) => socket.write(answer),
        (path) => bothFail(path, 5000, 'PROTOCOL'),
      );
    }
    const forOther = [encodeFrame(FrameType.WELCOME, WELCOME)];
    for (const answer of forOther) {
      await withFakeServer(
        (socket) => socket.write(answer),
        (path) => assert.rejects(observeChannel(path), (error) => isSluiceError(error, 'PROTOCOL')),
      );
    }
  });

  it('ACCESS_DENIED where the publisher runs as an unexpected user', async () => {
    const channel = openTestChannel();
    await assert.rejects(
      connectChannel(channel.path, HELLO, { expectUid: () => false }),
      (error) => isSluiceError(error, 'ACCESS_DENIED') && /runs as user/.test(error.message),
    );
    channel.close();
  });

  it('the reason of its signal', async () => {
    const reason = new Error('not now');
    const aborted = { ...own, signal: AbortSignal.abort(reason) };
    await assert.rejects(connectChannel('/nowhere', HELLO, aborted), reason);
    const controller = new AbortController();
    await withFakeServer(
      () => controller.abort(reason),
      (path) =>
        assert.rejects(connectChannel(path, HELLO, { ...own, signal: controller.signal }), reason),
    );
  });

  it('RangeError for a path that does not fit', async () => {
    const path = `/${'x'.repeat(107)}`;
    await assert.rejects(connectChannel(path, HELLO, own), RangeError);
    await assert.rejects(openObserver(path), RangeError);
  });
});
