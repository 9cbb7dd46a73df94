import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSluiceError } from '../../../src/core/index.js';
import {
  CONTROL,
  ControlFrames,
  controlJson,
  encodeControlFrame,
  encodeControlJson,
  MAX_BODY_BYTES,
} from '../../../src/terminal/session/control-frame.js';

describe('frames on the socket of a session', () => {
  it('come out as they went in, however they were cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 64 }), (sent, step) => {
        const stream = Buffer.concat(
          sent.map((body, at) => encodeControlFrame(CONTROL.data, at, body)),
        );
        const frames = new ControlFrames();
        const got: Buffer[] = [];
        for (let at = 0; at < stream.byteLength; at += step) {
          frames.push(stream.subarray(at, at + step), ({ request, body }) => {
            assert.equal(request, got.length);
            got.push(Buffer.from(body));
          });
        }
        assert.deepEqual(
          got,
          sent.map((body) => Buffer.from(body)),
        );
      }),
      { seed: 11 },
    );
  });

  it('are refused when they are none', () => {
    const good = encodeControlJson(CONTROL.request, 1, { op: 'ls' });
    for (const [offset, value] of [
      [0, 1],
      [4, 2],
      [6, 0],
      [6, 9],
      [15, 0x7f],
    ] as const) {
      const bad = Buffer.from(good);
      bad[offset] = value;
      assert.throws(
        () => new ControlFrames().push(bad, () => undefined),
        (error) => isSluiceError(error, 'PROTOCOL'),
      );
    }
    assert.throws(
      () => encodeControlFrame(CONTROL.data, 1, new Uint8Array(MAX_BODY_BYTES + 1)),
      RangeError,
    );
  });

  it('carry JSON that is longer than a frame, and nothing in between', () => {
    const long = { text: 'x'.repeat(2 * MAX_BODY_BYTES + 1000) };
    const stream = encodeControlJson(CONTROL.reply, 7, long);
    const got: unknown[] = [];
    const frames = new ControlFrames();
    for (const piece of [stream.subarray(0, 1_500_000), stream.subarray(1_500_000)]) {
      frames.push(piece, ({ request, body }) => got.push(request, { ...controlJson(body) }));
    }
    assert.deepEqual(got, [7, long]);
    const begun = stream.subarray(0, 16 + MAX_BODY_BYTES);
    for (const other of [
      encodeControlFrame(CONTROL.data, 7, Buffer.from('data')),
      encodeControlFrame(CONTROL.input, 7, Buffer.from('typed')),
      encodeControlJson(CONTROL.reply, 8, {}),
      encodeControlFrame(CONTROL.part, 8, Buffer.from('{')),
    ]) {
      assert.throws(
        () => new ControlFrames().push(Buffer.concat([begun, other]), () => undefined),
        (error) => isSluiceError(error, 'PROTOCOL'),
      );
    }
  });

  it('carry JSON objects and nothing else', () => {
    assert.deepEqual({ ...controlJson(Buffer.from('{"op":"ls"}')) }, { op: 'ls' });
    for (const text of ['', '[]', 'null', '5', '{']) {
      assert.throws(
        () => controlJson(Buffer.from(text)),
        (error) => isSluiceError(error, 'PROTOCOL'),
      );
    }
  });
});
