import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connection } from '../../../src/bus/transport/connection.js';
import {
  closeDescriptor,
  memfdCreate,
  receiveBytesOnly,
  sendBytes,
} from '../../../src/ffi/index.js';
import { encodeFrame, FrameType } from '../../../src/layout/handshake.js';
import { openDescriptors, socketPair } from '../ffi/descriptors.js';
import { connectionPair, halfPair, HELLO, Recorder, WELCOME } from './recorder.js';

const WAKE = encodeFrame(FrameType.WAKE);
const BYE = encodeFrame(FrameType.BYE, { reason: 'x' });

function sendAll(fd: number, bytes: Uint8Array, descriptors?: readonly number[]): void {
  assert.equal(sendBytes(fd, bytes, 0, bytes.length, descriptors), bytes.length);
}

/** Reads until nothing is left; the bytes there were. */
function empty(fd: number): Buffer {
  const buffer = Buffer.alloc(65536);
  const parts: Buffer[] = [];
  for (let read = 1; read > 0;) {
    read = receiveBytesOnly(fd, buffer);
    if (read > 0) parts.push(Buffer.from(buffer.subarray(0, read)));
  }
  return Buffer.concat(parts);
}

/** The number of bytes that come next; the test's own time limit bounds the wait. */
async function nextBytes(fd: number): Promise<number> {
  for (;;) {
    const { length } = empty(fd);
    if (length > 0) return length;
    await new Promise(setImmediate);
  }
}

describe('a connection', () => {
  it('carries frames and descriptors, and tells both sides of its end once', async () => {
    const before = openDescriptors();
    const { server, client, serverSaw, clientSaw } = connectionPair();
    const fd = memfdCreate('test', { sealing: true });
    client.send(FrameType.HELLO, HELLO);
    server.send(FrameType.WELCOME, WELCOME, [fd, fd, fd]);
    server.send(FrameType.EPOCH, { manifest: {}, sequence: 5, controlBytes: 1 }, [fd, fd]);
    closeDescriptor(fd);
    await Promise.all([
      serverSaw.until(() => serverSaw.frames.length === 1),
      clientSaw.until(() => clientSaw.frames.length === 2),
    ]);
    assert.deepEqual(serverSaw.frames, [{ type: FrameType.HELLO, body: HELLO }]);
    assert.deepEqual(clientSaw.frames[0], { type: FrameType.WELCOME, body: WELCOME });
    assert.equal(new Set(clientSaw.descriptors).size, 5);
    assert.deepEqual(server.credentials, {
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    server.close();
    server.close();
    await clientSaw.ended;
    client.close();
    assert.deepEqual(serverSaw.log, ['frame 1', 'end closed']);
    assert.deepEqual(clientSaw.log, ['frame 2', 'frame 3', 'end ended']);
    assert.ok(server.ended && client.ended);
    clientSaw.release();
    assert.equal(openDescriptors(), before);
  });

  it('gives one call for many WAKEs, and frames in the order of the peer', async () => {
    const { connection, recorder, raw } = halfPair('client');
    sendAll(raw, Buffer.concat([WAKE, WAKE, WAKE, BYE, WAKE, WAKE]));
    await recorder.until(() => recorder.wakes > 0);
    assert.deepEqual(recorder.log, ['frame 6', 'wake']);
    sendAll(raw, WAKE);
    await recorder.until(() => recorder.wakes > 1);
    connection.close();
    closeDescriptor(raw);
  });

  it('dispatches what had arrived before the end, a reset included', async () => {
    for (const unread of [false, true]) {
      const { connection, recorder, raw } = halfPair('client');
      // Closing with unread data resets the connection (ECONNRESET) instead of ending it.
      if (unread) connection.send(FrameType.HELLO, HELLO);
      sendAll(raw, Buffer.concat([BYE, WAKE]));
      closeDescriptor(raw);
      await recorder.ended;
      assert.deepEqual(recorder.log, ['frame 6', 'wake', 'end ended']);
    }
  });

  it('learns of the end by reading even when sending failed first', async () => {
    const { connection, recorder, raw } = halfPair('client');
    sendAll(raw, BYE);
    closeDescriptor(raw);
    connection.send(FrameType.HELLO, HELLO);
    connection.wake();
    assert.deepEqual(recorder.log, []);
    await recorder.ended;
    assert.deepEqual(recorder.log, ['frame 6', 'end ended']);
  });

  it('ends with PROTOCOL for garbage, after what came before it; a client is told', async () => {
    const { recorder, raw } = halfPair('server');
    sendAll(raw, Buffer.concat([BYE, Buffer.from('GET / HTTP/1.1\r\n')]));
    await recorder.ended;
    assert.deepEqual(recorder.log, ['frame 6', 'end protocol']);
    assert.equal(recorder.ends[0]?.error?.code, 'PROTOCOL');
    assert.match(empty(raw).toString(), /"code":"PROTOCOL","message":"frame header: magic/);
    closeDescriptor(raw);
  });

  it('stops dispatching when a handler closes it, and calls onEnd once', () => {
    const before = openDescriptors();
    const pair = socketPair();
    const recorder = new Recorder<'client'>();
    const connection: Connection<'client'> = new Connection(pair.client, {
      side: 'client',
      handlers: {
        onFrame: (frame, descriptors) => {
          recorder.onFrame(frame, descriptors);
          connection.close();
        },
        onWake: () => recorder.onWake(),
        onEnd: (end) => recorder.onEnd(end),
      },
    });
    const rest = [BYE, WAKE, encodeFrame(FrameType.WELCOME, WELCOME)];
    sendAll(pair.server, Buffer.concat([BYE, ...rest]), [pair.server, pair.server]);
    assert.equal(connection.receiveSync(0), true);
    assert.deepEqual(recorder.log, ['frame 6', 'end closed']);
    closeDescriptor(pair.server);
    assert.equal(openDescriptors(), before, 'descriptors of frames that nobody got are closed');
  });

  it('survives a handler that throws: the rest is dispatched, and the error is not swallowed', () => {
    const pair = socketPair();
    const recorder = new Recorder<'client'>();
    const connection = new Connection(pair.client, {
      side: 'client',
      handlers: {
        onFrame: (frame, descriptors) => {
          recorder.onFrame(frame, descriptors);
          throw new Error('handler failed');
        },
        onWake: () => recorder.onWake(),
        onEnd: (end) => recorder.onEnd(end),
      },
    });
    sendAll(pair.server, Buffer.concat([BYE, BYE, WAKE]));
    assert.throws(() => connection.receiveSync(0), /handler failed/);
    assert.deepEqual(recorder.log, ['frame 6', 'frame 6', 'wake']);
    sendAll(pair.server, WAKE);
    assert.equal(connection.receiveSync(1000), true);
    connection.close();
    assert.equal(recorder.ends.length, 1);
    closeDescriptor(pair.server);
  });

  it('pauses between two frames and goes on with other handlers, nothing lost', async () => {
    const pair = socketPair();
    const first = new Recorder<'client'>();
    const second = new Recorder<'client'>();
    const connection: Connection<'client'> = new Connection(pair.client, {
      side: 'client',
      handlers: {
        onFrame: (frame, descriptors) => {
          first.onFrame(frame, descriptors);
          connection.pause();
        },
        onWake: () => first.onWake(),
        onEnd: (end) => first.onEnd(end),
      },
    });
    sendAll(pair.server, Buffer.concat([encodeFrame(FrameType.WELCOME, WELCOME), WAKE, BYE]));
    await first.until(() => first.frames.length > 0);
    connection.resume(second);
    assert.deepEqual(second.log, [], 'the caller of resume comes first');
    // Nothing more arrives: what was read before the pause has to come by itself.
    await second.until(() => second.wakes > 0);
    closeDescriptor(pair.server);
    await second.ended;
    assert.deepEqual(first.log, ['frame 2']);
    assert.deepEqual(second.log, ['frame 6', 'wake', 'end ended']);
  });

  it('tells whoever asks that something has come, then reads it, a WAKE in pieces too', async () => {
    const pair = socketPair();
    const recorder = new Recorder<'client'>();
    const connection = new Connection(pair.client, {
      side: 'client',
      handlers: {
        onFrame: (frame, descriptors) => recorder.onFrame(frame, descriptors),
        onWake: () => recorder.onWake(),
        onEnd: (end) => recorder.onEnd(end),
        onArrival: () => recorder.add('arrival'),
      },
    });
    const arrivals = (): number => recorder.log.filter((event) => event === 'arrival').length;
    for (const piece of [WAKE, WAKE.subarray(0, 7), Buffer.concat([WAKE.subarray(7), WAKE])]) {
      const before = arrivals();
      sendAll(pair.server, piece);
      await recorder.until(() => arrivals() > before);
      // It is read before the loop comes round.
      await new Promise(setImmediate);
    }
    assert.deepEqual(recorder.log, ['arrival', 'wake', 'arrival', 'arrival', 'wake']);
    connection.close();
    closeDescriptor(pair.server);
  });
});

describe('the outgoing queue', () => {
  it('is bounded: a peer that never reads loses its connection, and send never blocks', async () => {
    const { connection, recorder, raw } = halfPair('server');
    const body = { publisher: { text: 'x'.repeat(60_000) }, subscribers: [] };
    let sends = 0;
    for (; sends < 1000 && recorder.ends.length === 0; sends += 1) {
      connection.send(FrameType.STATS, body);
      if (sends % 16 === 15) await new Promise(setImmediate);
    }
    assert.deepEqual(recorder.log, ['end protocol']);
    assert.match(recorder.ends[0]?.error?.message ?? '', /262144 bytes unread/);
    assert.ok(sends < 1000);
    closeDescriptor(raw);
  });

  it('keeps order and whole frames through short writes, descriptors with their own frame', async () => {
    const before = openDescriptors();
    const { server, client, serverSaw, clientSaw } = connectionPair();
    client.pause();
    const fd = memfdCreate('test', { sealing: true });
    const filler = { reason: 'x'.repeat(50_000) };
    for (let count = 0; count < 5; count += 1) server.send(FrameType.BYE, filler);
    server.send(FrameType.WELCOME, { ...WELCOME, sequence: 77 }, [fd, fd]);
    server.wake();
    server.wake();
    server.send(FrameType.BYE, { reason: 'last' });
    closeDescriptor(fd);
    client.resume(clientSaw);
    await clientSaw.until(() => clientSaw.wakes > 0);
    assert.deepEqual(clientSaw.log, [
      ...Array<string>(5).fill('frame 6'),
      'frame 2',
      'frame 6',
      'wake',
    ]);
    assert.equal(clientSaw.descriptors.length, 2);
    clientSaw.release();
    server.close();
    await clientSaw.ended;
    assert.equal(serverSaw.ends.length, 1);
    assert.equal(openDescriptors(), before);
  });

  it('closes the duplicates of descriptors it never sent', () => {
    const before = openDescriptors();
    const { connection, raw } = halfPair('server');
    for (let count = 0; count < 4; count += 1) {
      connection.send(FrameType.BYE, { reason: 'x'.repeat(60_000) });
    }
    connection.send(FrameType.WELCOME, WELCOME, [raw, raw, raw]);
    assert.equal(openDescriptors(), before + 6, 'two sockets, a pidfd, three duplicates');
    connection.close();
    closeDescriptor(raw);
    assert.equal(openDescriptors(), before);
  });

  it('counts a WAKE to a full socket as sent, and sends one when there is room', async () => {
    const { connection, raw } = halfPair('server');
    for (let count = 0; count < 100_000; count += 1) connection.wake();
    const takenBytes = empty(raw).length;
    assert.equal(takenBytes % WAKE.length, 0);
    assert.ok(takenBytes < 100_000 * WAKE.length, 'the socket was full');
    assert.equal(await nextBytes(raw), WAKE.length);
    connection.wake();
    assert.equal(await nextBytes(raw), WAKE.length);
    connection.close();
    closeDescriptor(raw);
  });
});

describe('descriptors that were not asked for', () => {
  const fd = memfdCreate('test', { sealing: true });
  const welcome = encodeFrame(FrameType.WELCOME, WELCOME);

  it('end the client with PROTOCOL, all of them closed', async () => {
    const cases: (readonly [Uint8Array, number])[][] = [
      [[BYE, 1]],
      [[WAKE, 3]],
      [[Buffer.concat([welcome, WAKE]), 3]],
      [
        [welcome.subarray(0, 20), 3],
        [welcome.subarray(20), 1],
      ],
      [
        [welcome.subarray(0, 20), 2],
        [welcome.subarray(20, 30), 2],
      ],
      [[Buffer.concat([welcome, Buffer.from('garbage: no header')]), 2]],
    ];
    for (const pieces of cases) {
      const before = openDescriptors();
      const { recorder, raw } = halfPair('client');
      for (const [bytes, count] of pieces) sendAll(raw, bytes, Array<number>(count).fill(fd));
      await recorder.ended;
      closeDescriptor(raw);
      recorder.release();
      assert.equal(recorder.ends[0]?.reason, 'protocol');
      assert.equal(openDescriptors(), before);
    }
  });

  it('are closed when the end comes before the frame is whole', async () => {
    const before = openDescriptors();
    const { recorder, raw } = halfPair('client');
    sendAll(raw, welcome.subarray(0, 40), [fd, fd, fd]);
    closeDescriptor(raw);
    await recorder.ended;
    assert.deepEqual(recorder.log, ['end ended']);
    assert.equal(openDescriptors(), before);
  });

  it('never reach a server', async () => {
    const { connection, recorder, raw } = halfPair('server');
    const before = openDescriptors();
    for (let count = 0; count < 50; count += 1) {
      sendAll(raw, encodeFrame(FrameType.ACK, { epoch: count }), [fd, fd, fd]);
    }
    await recorder.until(() => recorder.frames.length === 50);
    assert.equal(openDescriptors(), before);
    connection.close();
    closeDescriptor(raw);
  });
});

describe('receiveSync', () => {
  it('dispatches without the event loop, and tells whether it did', () => {
    const { connection, recorder, raw } = halfPair('client');
    assert.equal(connection.receiveSync(0), false);
    assert.equal(connection.receiveSync(120), false, 'more than one slice');
    sendAll(raw, WAKE);
    assert.equal(connection.receiveSync(10_000), true);
    sendAll(raw, BYE);
    closeDescriptor(raw);
    assert.equal(connection.receiveSync(10_000), true);
    assert.deepEqual(recorder.log, ['wake', 'frame 6', 'end ended']);
    assert.equal(connection.receiveSync(10_000), false, 'it had ended before');
  });

  it('waits for the rest of a frame', () => {
    const { connection, recorder, raw } = halfPair('client');
    sendAll(raw, BYE.subarray(0, 18));
    assert.equal(connection.receiveSync(0), false);
    sendAll(raw, BYE.subarray(18));
    assert.equal(connection.receiveSync(0), true);
    assert.deepEqual(recorder.log, ['frame 6']);
    connection.close();
    closeDescriptor(raw);
  });

  it('sends what was queued', () => {
    const { connection, raw } = halfPair('client');
    const frame = encodeFrame(FrameType.BYE, { reason: 'x'.repeat(50_000) });
    for (let count = 0; count < 8; count += 1) connection.sendEncoded(frame);
    let receivedBytes = empty(raw).length;
    assert.ok(receivedBytes < 8 * frame.length, 'the socket was full');
    for (let turns = 0; turns < 8 && receivedBytes < 8 * frame.length; turns += 1) {
      connection.receiveSync(0);
      receivedBytes += empty(raw).length;
    }
    assert.equal(receivedBytes, 8 * frame.length);
    connection.close();
    closeDescriptor(raw);
  });
});
