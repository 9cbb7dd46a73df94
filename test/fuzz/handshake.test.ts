import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connectChannel } from '../../src/bus/transport/channel-client.js';
import { ChannelServer } from '../../src/bus/transport/channel-server.js';
import { isSluiceError } from '../../src/core/errors.js';
import {
  acceptUnix,
  closeDescriptor,
  connectUnix,
  listenUnix,
  memfdCreate,
  receiveBytesOnly,
  sendBytes,
  SystemCallError,
} from '../../src/ffi/index.js';
import {
  decodeBody,
  FrameReader,
  MAX_FRAME_BYTES,
  parseClientFrame,
  parseServerFrame,
  type Hello,
} from '../../src/layout/handshake.js';
import { Random, randomFrame, randomStream } from './handshake-streams.js';

const SEED = 20_240_611;
const CODEC_CASES = 100_000;
const SERVER_STREAMS = 2000;
const CLIENT_STREAMS = 500;

const HELLO: Hello = Object.freeze({
  protocol: 1,
  role: 'subscriber',
  delivery: 'latest',
  maxLag: 0,
  leases: 1,
  start: 'newest',
  label: 'good',
  bootId: '',
  monotonicNs: 0,
});

/** What a reader makes of `pieces`: frames as text, then the message of the error that ended it. */
function transcript(pieces: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  const reader = new FrameReader();
  try {
    for (const piece of pieces) {
      reader.push(piece, 0, piece.length, (type, body) => {
        seen.push(`${type} ${Buffer.from(body).toString('latin1')}`);
        return true;
      });
    }
  } catch (error) {
    assert.ok(isSluiceError(error, 'PROTOCOL'), String(error));
    seen.push(error.message);
  }
  return seen;
}

/** Parses a frame for both sides: a result or PROTOCOL, nothing else. */
function parseForBoth(frame: Uint8Array): number {
  let accepted = 0;
  for (const parse of [parseClientFrame, parseServerFrame]) {
    new FrameReader().push(frame, 0, frame.length, (type, body) => {
      try {
        const result = parse(type, body);
        accepted += 1;
        if (body.length === 0) assert.equal(result.body, null);
        else assert.ok(isPartOf(result.body, decodeBody(type, body)));
      } catch (error) {
        assert.ok(isSluiceError(error, 'PROTOCOL'), String(error));
      }
      return true;
    });
  }
  return accepted;
}

/** Whether every field of a validated body stands in the foreign one, or is a default. */
function isPartOf(result: unknown, foreign: unknown): boolean {
  const given = foreign as Record<string, unknown>;
  return Object.entries(result as object).every(
    ([key, value]) =>
      !Object.hasOwn(given, key) ||
      JSON.stringify(value) === JSON.stringify(given[key]) ||
      key === 'stats' ||
      given['role'] === 'observer',
  );
}

describe('the handshake codec', () => {
  it(`gives frames or PROTOCOL for ${CODEC_CASES} streams, the same wherever they are cut`, () => {
    const random = new Random(SEED);
    let ended = 0;
    for (let number = 0; number < CODEC_CASES; number += 1) {
      const stream = randomStream(random);
      const first = random.below(stream.length + 1);
      const second = first + random.below(stream.length - first + 1);
      const whole = transcript([stream]);
      const cut = [
        stream.subarray(0, first),
        stream.subarray(first, second),
        stream.subarray(second),
      ];
      assert.deepEqual(transcript(cut), whole, `seed ${SEED}, case ${number}`);
      if (whole.at(-1)?.startsWith('frame header') === true) ended += 1;
    }
    assert.ok(ended > CODEC_CASES / 20 && ended < CODEC_CASES / 2, `${ended} cases ended early`);
  });

  it(`validates ${CODEC_CASES} bodies or refuses them with PROTOCOL`, () => {
    const random = new Random(SEED + 1);
    let accepted = 0;
    for (let number = 0; number < CODEC_CASES; number += 1) {
      accepted += parseForBoth(randomFrame(random));
    }
    assert.ok(accepted > CODEC_CASES / 2 && accepted < CODEC_CASES * 2);
  });
});

const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Bytes of the JavaScript heap and of array buffers, garbage not counted. */
function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Sends as much as the socket takes; a peer that has closed is no failure here. */
function sendSome(fd: number, bytes: Uint8Array, descriptors?: readonly number[]): void {
  try {
    if (bytes.length > 0) sendBytes(fd, bytes, 0, bytes.length, descriptors);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
}

async function inDirectory(body: (path: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-fuzz-'));
  try {
    await body(join(directory, 'c.sock'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('a live channel server', () => {
  it(`survives ${SERVER_STREAMS} streams: each ends, nothing grows, nothing leaks`, async () => {
    await inDirectory(async (path) => {
      const fd = memfdCreate('fuzz', { sealing: true });
      let welcomed = 0;
      let ended = 0;
      const server = new ChannelServer({
        channel: 'fuzz',
        path,
        accepts: () => true,
        welcome: (_hello, session) => {
          welcomed += 1;
          const body = { manifest: { epoch: 1 }, subscriber: session.id, leases: 1, maxLag: 0 };
          return {
            body: { ...body, sequence: 0, controlBytes: 64, clockOffsetNs: 0 },
            descriptors: [fd, fd],
          };
        },
        manifest: () => ({}),
        stats: () => ({ publisher: {}, subscribers: [] }),
        onWake: () => {},
        onEnd: () => {
          ended += 1;
        },
      });
      const random = new Random(SEED + 2);
      const buffer = new Uint8Array(MAX_FRAME_BYTES);
      const descriptors = descriptorCount();
      let memory = 0;
      for (let number = 0; number < SERVER_STREAMS; number += 1) {
        const clients = Array.from({ length: 1 + random.below(3) }, () => connectUnix(path));
        for (const client of clients) {
          const stream = randomStream(random);
          const cut = random.below(stream.length + 1);
          const gift = random.below(4) === 0 ? [fd, fd] : undefined;
          sendSome(client, stream.subarray(0, cut), gift);
          if (random.below(2) === 0) await new Promise(setImmediate);
          sendSome(client, stream.subarray(cut));
        }
        await new Promise(setImmediate);
        for (const client of clients) {
          if (random.below(2) === 0) readSome(client, buffer);
          closeDescriptor(client);
        }
        if (number === SERVER_STREAMS / 2) memory = memoryBytes();
      }
      const { connection, descriptors: received } = await connectChannel(path, HELLO, {
        expectUid: () => true,
      });
      for (const descriptor of received) closeDescriptor(descriptor);
      connection.close();
      while (server.sessions.size > 0) await new Promise(setImmediate);
      const grownBytes = memoryBytes() - memory;
      assert.ok(welcomed > SERVER_STREAMS / 20, `${welcomed} were welcomed`);
      assert.equal(ended, welcomed);
      assert.ok(grownBytes < 2_000_000, `${grownBytes} bytes more than at half time`);
      await untilCount(descriptors);
      server.close();
      closeDescriptor(fd);
    });
  });
});

function readSome(fd: number, buffer: Uint8Array): void {
  try {
    receiveBytesOnly(fd, buffer);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
}

/** Waits until the server has noticed the end of every client; the test's time limit bounds it. */
async function untilCount(descriptors: number): Promise<void> {
  while (descriptorCount() !== descriptors) await new Promise(setImmediate);
}

describe('a client', () => {
  it(`survives ${CLIENT_STREAMS} answers: a welcome or a SluiceError, nothing leaks`, async () => {
    await inDirectory(async (path) => {
      const fd = memfdCreate('fuzz', { sealing: true });
      const listener = listenUnix(path, 0o600);
      const random = new Random(SEED + 3);
      const codes = new Set<string>();
      const descriptors = descriptorCount();
      for (let number = 0; number < CLIENT_STREAMS; number += 1) {
        const outcome = connectChannel(path, HELLO, { expectUid: () => true }).then(
          ({ connection, descriptors: received }) => {
            for (const descriptor of received) closeDescriptor(descriptor);
            connection.close();
            return 'welcome';
          },
          (error: unknown) => {
            assert.ok(isSluiceError(error), String(error));
            return error.code;
          },
        );
        const server = acceptUnix(listener);
        assert.ok(server !== undefined);
        const stream = randomStream(random);
        const cut = random.below(stream.length + 1);
        const gifts = Array<number>(random.below(4)).fill(fd);
        sendSome(server, stream.subarray(0, cut), gifts);
        if (random.below(2) === 0) await new Promise(setImmediate);
        sendSome(server, stream.subarray(cut), random.below(4) === 0 ? gifts : undefined);
        closeDescriptor(server);
        codes.add(await outcome);
        assert.equal(descriptorCount(), descriptors, `seed ${SEED + 3}, case ${number}`);
      }
      for (const code of ['welcome', 'PROTOCOL', 'CHANNEL_NOT_FOUND', 'SYSTEM']) {
        assert.ok(codes.has(code), `${code} never came about`);
      }
      closeDescriptor(listener);
      closeDescriptor(fd);
    });
  });
});
