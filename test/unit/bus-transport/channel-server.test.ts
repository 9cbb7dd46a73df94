import assert from 'node:assert/strict';
import { existsSync, renameSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { connectChannel } from '../../../src/bus/transport/channel-client.js';
import { Connection } from '../../../src/bus/transport/connection.js';
import { isSluiceError, SluiceError } from '../../../src/core/errors.js';
import {
  closeDescriptor,
  connectUnix,
  memfdCreate,
  sendBytes,
  SystemCallError,
} from '../../../src/ffi/index.js';
import { encodeFrame, FrameType, type Epoch } from '../../../src/layout/handshake.js';
import { openDescriptors } from '../ffi/descriptors.js';
import { openTestChannel, type TestChannel } from './channel.js';
import { HELLO, Recorder, WELCOME } from './recorder.js';

const own = { expectUid: (uid: number) => uid === process.getuid?.() };

/** A welcomed client that has taken its descriptors, and what it sees from then on. */
async function subscribe(
  path: string,
): Promise<{ connection: Connection<'client'>; saw: Recorder<'client'>; id: number }> {
  const { connection, welcome, descriptors } = await connectChannel(path, HELLO, own);
  for (const descriptor of descriptors) closeDescriptor(descriptor);
  const saw = new Recorder<'client'>();
  connection.resume(saw);
  return { connection, saw, id: welcome.subscriber };
}

/** A client without any protocol: what it received until its end, as text. */
function speak(path: string, ...pieces: readonly Uint8Array[]): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path, () => {
      for (const piece of pieces) socket.write(piece);
    });
    socket.on('data', (bytes) => (text += bytes.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** Sends one byte; 0 when the peer has dropped the connection, which the reading side tells of. */
function sendByte(fd: number, bytes: Uint8Array, offset: number): number {
  try {
    return sendBytes(fd, bytes, offset, 1);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EPIPE') return 0;
    throw error;
  }
}

function epoch(number: number): Epoch {
  return { manifest: { epoch: number }, sequence: number, controlBytes: 1 };
}

async function withChannel(
  options: Parameters<typeof openTestChannel>[0],
  body: (channel: TestChannel) => Promise<void>,
): Promise<void> {
  const before = openDescriptors();
  const channel = openTestChannel(options);
  try {
    await body(channel);
  } finally {
    channel.close();
  }
  assert.equal(openDescriptors(), before, 'no descriptor is left');
}

describe('a session', () => {
  it('is welcomed with its descriptors, rings both ways, and ends once', async () => {
    await withChannel({}, async ({ server, path, events }) => {
      const { connection, welcome, descriptors } = await connectChannel(path, HELLO, own);
      assert.deepEqual(welcome, { ...WELCOME, subscriber: 1 });
      assert.equal(descriptors.length, 2);
      for (const descriptor of descriptors) closeDescriptor(descriptor);
      const saw = new Recorder<'client'>();
      connection.resume(saw);
      const [session] = server.sessions;
      assert.deepEqual(session?.hello, HELLO);
      connection.wake();
      connection.send(FrameType.ACK, { epoch: 1 });
      await events.until(() => events.log.length === 3);
      session?.wake();
      session?.bye('behind');
      await saw.until(() => saw.log.length === 2);
      assert.deepEqual(saw.frames, [{ type: FrameType.BYE, body: { reason: 'behind' } }]);
      assert.equal(server.sessions.size, 1, 'BYE asks, it does not end');
      connection.close();
      await events.until(() => events.log.at(-1) === 'end 1 ended');
      assert.deepEqual(events.log.slice(0, 3).sort(), ['ack 1 1', 'wake 1', 'welcome 1']);
      assert.equal(server.sessions.size, 0);
    });
  });

  it('holds an epoch back until the last one was acknowledged, and keeps only the newest', async () => {
    await withChannel({}, async ({ server, path, events }) => {
      const { connection, saw } = await subscribe(path);
      const [session] = server.sessions;
      assert.ok(session);
      const descriptors = openDescriptors();
      const fd = memfdCreate('epoch', { sealing: true });
      for (const number of [2, 3, 4]) session.sendEpoch(epoch(number), [fd, fd]);
      closeDescriptor(fd);
      assert.equal(openDescriptors(), descriptors + 2, 'the session keeps the newest only');
      connection.send(FrameType.ACK, { epoch: 1 });
      await saw.until(() => saw.frames.length === 1);
      assert.deepEqual(saw.frames[0], { type: FrameType.EPOCH, body: epoch(4) });
      assert.equal(session.acknowledgedEpoch, 1);
      connection.send(FrameType.ACK, { epoch: 4 });
      await events.until(() => events.log.includes('ack 1 4'));
      session.sendEpoch(epoch(5), []);
      session.sendEpoch(epoch(6), []);
      await saw.until(() => saw.frames.length === 2);
      saw.release();
      connection.close();
    });
  });

  it('ends when it says HELLO twice', async () => {
    await withChannel({}, async ({ path, events }) => {
      const { connection, saw } = await subscribe(path);
      connection.send(FrameType.HELLO, HELLO);
      await saw.ended;
      assert.deepEqual(events.log, ['welcome 1', 'end 1 protocol']);
      assert.equal(saw.frames[0]?.type, FrameType.ERROR);
    });
  });

  it('ends when it acknowledges what was not sent', async () => {
    for (const number of [0, 2]) {
      await withChannel({}, async ({ path, events }) => {
        const { connection, saw } = await subscribe(path);
        connection.send(FrameType.ACK, { epoch: number });
        await saw.ended;
        await events.until(() => events.log.includes('end 1 protocol'));
        assert.equal(saw.frames[0]?.type, FrameType.ERROR);
      });
    }
  });

  it('drops the epoch it held back when it ends', async () => {
    await withChannel({}, async ({ server, path }) => {
      const { connection } = await subscribe(path);
      const [session] = server.sessions;
      const fd = memfdCreate('epoch', { sealing: true });
      session?.sendEpoch(epoch(2), [fd, fd, fd]);
      closeDescriptor(fd);
      session?.close();
      connection.close();
    });
  });
});

describe('a server', () => {
  it('refuses users that are not accepted, before they say a word', async () => {
    await withChannel({ accepts: () => false }, async ({ path }) => {
      await assert.rejects(connectChannel(path, HELLO, own), (error) => {
        assert.ok(isSluiceError(error, 'ACCESS_DENIED'));
        const uid = process.getuid?.();
        assert.match(error.message, new RegExp(`refused user ${uid} `));
        assert.match(error.remedy, new RegExp(`uids: \\[${uid}\\]`));
        return true;
      });
      assert.match(await speak(path), /ACCESS_DENIED/);
    });
  });

  it('passes on what welcome() throws', async () => {
    const welcome = (): never => {
      throw new SluiceError('LEASES_EXHAUSTED', 'too few slots', { details: { slots: 8 } });
    };
    await withChannel({ welcome }, async ({ server, path, events }) => {
      await assert.rejects(connectChannel(path, HELLO, own), (error) => {
        assert.ok(isSluiceError(error, 'LEASES_EXHAUSTED'));
        assert.equal(error.details['slots'], 8);
        return true;
      });
      assert.equal(server.sessions.size, 0);
      assert.deepEqual(events.log, [], 'no end for what never began');
    });
  });

  it('drops who says nothing, and who says it too slowly', async () => {
    await withChannel({ helloTimeoutMs: 40 }, async ({ path }) => {
      assert.match(await speak(path), /no complete HELLO in time/);
      const hello = encodeFrame(FrameType.HELLO, { ...HELLO, label: 'x'.repeat(100) });
      const fd = connectUnix(path);
      const recorder = new Recorder<'client'>();
      const connection = new Connection(fd, { side: 'client', handlers: recorder });
      // A byte a turn of the timer: a deadline that each byte moved would let all of HELLO through.
      let sent = 0;
      const trickle = setInterval(() => {
        if (sent < hello.length && !connection.ended) sent += sendByte(fd, hello, sent);
      }, 5);
      await recorder.ended;
      clearInterval(trickle);
      assert.ok(sent < hello.length);
      assert.deepEqual(recorder.log, ['frame 7', 'end ended']);
    });
  });

  it('reads once more before it judges: a HELLO that came during a stall counts', async () => {
    let onAccepted = (): void => {};
    const accepted = new Promise<void>((resolve) => {
      onAccepted = resolve;
    });
    const accepts = (): boolean => {
      onAccepted();
      return true;
    };
    await withChannel({ helloTimeoutMs: 20, accepts }, async ({ path, events }) => {
      const fd = connectUnix(path);
      await accepted;
      // This process stalls until the deadline has passed; HELLO arrives meanwhile.
      const hello = encodeFrame(FrameType.HELLO, HELLO);
      const stallEnd = performance.now() + 40;
      while (performance.now() < stallEnd);
      sendBytes(fd, hello, 0, hello.length);
      await events.until(() => events.log.length > 0);
      assert.deepEqual(events.log, ['welcome 1']);
      closeDescriptor(fd);
      await events.until(() => events.log.length > 1);
    });
  });

  it('drops garbage at its first header, however much follows', async () => {
    await withChannel({}, async ({ path }) => {
      const answer = await speak(path, Buffer.alloc(10_000_000, 'garbage '));
      assert.ok(answer === '' || /PROTOCOL/.test(answer));
      assert.match(await speak(path, encodeFrame(FrameType.ACK, { epoch: 1 })), /ACK came before/);
      assert.match(await speak(path, encodeFrame(FrameType.HELLO, {})), /HELLO.protocol/);
    });
  });

  it('is not held up by a client that never reads', async () => {
    await withChannel({}, async ({ path, events }) => {
      const { connection } = await subscribe(path);
      connection.pause();
      const ask = encodeFrame(FrameType.STATS);
      for (let asks = 0; asks < 20_000 && events.log.length < 2; asks += 1) {
        connection.sendEncoded(ask);
        if (asks % 100 === 99) await new Promise(setImmediate);
      }
      assert.deepEqual(events.log, ['welcome 1', 'end 1 protocol']);
      connection.close();
    });
  });

  it('caps the connections of all, of one user, and those that are silent', async () => {
    await withChannel({ maxConnections: 24 }, async ({ server, path, events }) => {
      const silent = Array.from({ length: 16 }, () => connectUnix(path));
      assert.match(await speak(path), /"busy":true/);
      // Who comes while the server is busy tries again until its deadline.
      const patient = subscribe(path);
      closeDescriptor(silent.pop()!);
      const { connection } = await patient;
      for (const fd of silent.splice(0)) closeDescriptor(fd);
      const others: Connection[] = [];
      for (let count = 1; count < 18; count += 1) others.push((await subscribe(path)).connection);
      assert.equal(server.sessions.size, 18);
      await assert.rejects(subscribe(path), (error) => {
        assert.ok(isSluiceError(error, 'TOO_MANY_SUBSCRIBERS'));
        assert.equal(error.details['maxOfUid'], 18);
        return true;
      });
      connection.close();
      await events.until(() => events.log.at(-1) === 'end 1 ended');
      others.push((await subscribe(path)).connection);
      for (const other of others) other.close();
    });
  });

  it('takes many clients that come at once', async () => {
    await withChannel({}, async ({ server, path }) => {
      const all = await Promise.all(Array.from({ length: 64 }, () => subscribe(path)));
      assert.equal(server.sessions.size, 64);
      for (const { connection } of all) connection.close();
    });
  });

  it('counts nobody as silent whose HELLO has arrived', async () => {
    await withChannel({}, async ({ server, path, events }) => {
      const hello = encodeFrame(FrameType.HELLO, HELLO);
      const clients = Array.from({ length: 40 }, () => connectUnix(path));
      for (const client of clients) sendBytes(client, hello, 0, hello.length);
      await events.until(() => events.log.length === clients.length);
      assert.equal(server.sessions.size, clients.length);
      for (const client of clients) closeDescriptor(client);
      await events.until(() => events.log.length === 2 * clients.length);
    });
  });

  it('says BYE, ends every session and removes its path; closing twice is harmless', async () => {
    const channel = openTestChannel();
    const { saw, id } = await subscribe(channel.path);
    assert.ok(channel.server.checkInode());
    channel.server.close('shutdown');
    channel.close();
    assert.deepEqual(channel.events.log, [`welcome ${id}`, `end ${id} closed`]);
    await saw.ended;
    assert.deepEqual(saw.frames, [{ type: FrameType.BYE, body: { reason: 'shutdown' } }]);
    assert.ok(!existsSync(channel.path));
  });

  it('does not remove the socket of its successor', async () => {
    const first = openTestChannel();
    const second = openTestChannel();
    unlinkSync(first.path);
    assert.equal(first.server.checkInode(), false);
    renameSync(second.path, first.path);
    assert.equal(first.server.checkInode(), false);
    first.server.close();
    assert.ok(existsSync(first.path));
    first.close();
    second.close();
  });

  it('leaks no descriptor in 500 connections', async () => {
    await withChannel({}, async ({ path, events }) => {
      for (let round = 1; round <= 500; round += 1) {
        const { connection, id } = await subscribe(path);
        connection.close();
        await events.until(() => events.log.includes(`end ${id} ended`));
        events.log.length = 0;
      }
    });
  });
});
