import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../../src/core/errors.js';
import {
  decodeBody,
  encodeFrame,
  FrameReader,
  FrameType,
  MAX_BODY_BYTES,
  MAX_BODY_DEPTH,
} from '../../../src/layout/handshake.js';

interface Seen {
  readonly type: FrameType;
  readonly body: string;
  readonly endsInput: boolean;
}

/** Feeds `pieces` one after another. `limit`: the sink stops after that many frames. */
function read(pieces: readonly Uint8Array[], reader = new FrameReader()): Seen[] {
  const seen: Seen[] = [];
  for (const piece of pieces) {
    const used = reader.push(piece, 0, piece.length, (type, body, endsInput) => {
      seen.push({ type, body: Buffer.from(body).toString(), endsInput });
      return true;
    });
    assert.equal(used, piece.length);
  }
  return seen;
}

function header(changes: { at: number; bytes: readonly number[] }): Uint8Array {
  const frame = encodeFrame(FrameType.WAKE);
  frame.set(changes.bytes, changes.at);
  return frame;
}

const ACK = encodeFrame(FrameType.ACK, { epoch: 7 });
const WAKE = encodeFrame(FrameType.WAKE);
const BYE = encodeFrame(FrameType.BYE, { reason: 'über' });

describe('frames', () => {
  it('have the bytes of the diagram', () => {
    assert.equal(Buffer.from(WAKE).toString('hex'), '534c5543010005000000000000000000');
    assert.equal(
      Buffer.from(ACK).toString('hex'),
      `534c5543010004000b00000000000000${Buffer.from('{"epoch":7}').toString('hex')}`,
    );
  });

  it('come out the same wherever the stream is cut', () => {
    const stream = Buffer.concat([ACK, WAKE, BYE, WAKE]);
    const whole = read([stream]).map(({ type, body }) => `${type} ${body}`);
    assert.deepEqual(whole, ['4 {"epoch":7}', '5 ', '6 {"reason":"über"}', '5 ']);
    for (let first = 0; first <= stream.length; first += 1) {
      const middle = Math.min(stream.length, first + 17);
      const cut = [stream.subarray(0, first), stream.subarray(first, middle)];
      const seen = read([...cut, stream.subarray(middle)]);
      assert.deepEqual(
        seen.map(({ type, body }) => `${type} ${body}`),
        whole,
      );
    }
  });

  it('tell which one contains the last byte of the input', () => {
    assert.deepEqual(
      read([Buffer.concat([WAKE, ACK])]).map((frame) => frame.endsInput),
      [false, true],
    );
    assert.deepEqual(
      read([Buffer.concat([WAKE, ACK, BYE.subarray(0, 3)])]).map((frame) => frame.endsInput),
      [false, false],
    );
  });

  it('stop where the sink says so', () => {
    const stream = Buffer.concat([WAKE, ACK, BYE]);
    const reader = new FrameReader();
    const used = reader.push(stream, 0, stream.length, (type) => type !== FrameType.ACK);
    assert.equal(used, WAKE.length + ACK.length);
    assert.equal(reader.partial, false);
    assert.equal(read([stream.subarray(used)], reader)[0]?.type, FrameType.BYE);
  });

  it('know whether one is incomplete', () => {
    const reader = new FrameReader();
    assert.equal(reader.partial, false);
    read([ACK.subarray(0, 1)], reader);
    assert.equal(reader.partial, true);
    read([ACK.subarray(1, 16)], reader);
    assert.equal(reader.partial, true);
    read([ACK.subarray(16)], reader);
    assert.equal(reader.partial, false);
  });

  const refused = [
    { name: 'magic', at: 0, bytes: [0x47] },
    { name: 'version', at: 4, bytes: [2] },
    { name: 'type', at: 6, bytes: [0] },
    { name: 'type', at: 6, bytes: [9] },
    { name: 'length', at: 6, bytes: [4, 0, 1, 0, 1] },
    { name: 'length of WAKE', at: 8, bytes: [1] },
    { name: 'reserved word', at: 15, bytes: [1] },
  ];
  for (const { name, ...changes } of refused) {
    it(`are refused for their ${name}, ${changes.bytes.join(' ')} at ${changes.at}`, () => {
      assert.throws(
        () => read([Buffer.concat([WAKE, header(changes)])]),
        (error) => isSluiceError(error, 'PROTOCOL') && error.details['field'] === name,
      );
    });
  }

  it('give out what stands before a bad one', () => {
    const seen: FrameType[] = [];
    const stream = Buffer.concat([ACK, header({ at: 0, bytes: [0] })]);
    assert.throws(() =>
      new FrameReader().push(stream, 0, stream.length, (type) => seen.push(type) > 0),
    );
    assert.deepEqual(seen, [FrameType.ACK]);
  });
});

describe('bodies as bytes', () => {
  it('hold exactly 65536 bytes', () => {
    const fits = 'x'.repeat(MAX_BODY_BYTES - 2);
    const frame = encodeFrame(FrameType.BYE, fits);
    assert.equal(read([frame])[0]?.body.length, MAX_BODY_BYTES);
    assert.throws(() => encodeFrame(FrameType.BYE, `${fits}x`), RangeError);
  });

  it('are null when empty', () => {
    assert.equal(decodeBody(FrameType.STATS, new Uint8Array(0)), null);
    assert.equal(encodeFrame(FrameType.STATS, null).length, 16);
  });

  const bad = [
    { name: 'not UTF-8', bytes: Uint8Array.of(0x22, 0xff, 0x22), says: /UTF-8/ },
    { name: 'a byte order mark', bytes: Buffer.from('\ufeff{}'), says: /not JSON/ },
    { name: 'not JSON', bytes: Buffer.from('{"a":'), says: /not JSON/ },
    { name: 'a NUL', bytes: Buffer.from('{}\0'), says: /not JSON/ },
  ];
  for (const { name, bytes, says } of bad) {
    it(`are refused: ${name}`, () => {
      assert.throws(
        () => decodeBody(FrameType.ACK, bytes),
        (error) => isSluiceError(error, 'PROTOCOL') && says.test(error.message),
      );
    });
  }

  it('nest up to a limit; brackets in text do not count', () => {
    const nested = (depth: number): Uint8Array =>
      Buffer.from('['.repeat(depth) + ']'.repeat(depth));
    decodeBody(FrameType.ACK, nested(MAX_BODY_DEPTH));
    assert.throws(() => decodeBody(FrameType.ACK, nested(MAX_BODY_DEPTH + 1)), /deeper/);
    assert.throws(() => decodeBody(FrameType.ACK, Buffer.from('['.repeat(65536))), /deeper/);
    const text = JSON.stringify({ a: '"['.repeat(100), b: '\\{' });
    assert.deepEqual(decodeBody(FrameType.ACK, Buffer.from(text)), JSON.parse(text));
  });
});
