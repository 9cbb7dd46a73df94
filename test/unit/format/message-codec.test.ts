import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSluiceError, type SluiceError } from '../../../src/core/index.js';
import {
  bytes,
  decodeMessage,
  encodeMessage,
  json,
  packets,
  type StandardSchema,
  text,
} from '../../../src/format/index.js';

const raw = (value: string): Uint8Array => Buffer.from(value, 'latin1');

function schemaOf<T>(validate: (value: unknown) => unknown): StandardSchema<T> {
  return { '~standard': { validate: validate as StandardSchema<T>['~standard']['validate'] } };
}

const numbers = schemaOf<number>((value) =>
  typeof value === 'number' ? { value } : { issues: [{ message: `no number: ${String(value)}` }] },
);

function invalid(attempt: () => unknown): SluiceError<'INVALID_MESSAGE'> {
  let found: unknown;
  assert.throws(attempt, (error) => {
    found = error;
    return isSluiceError(error, 'INVALID_MESSAGE');
  });
  return found as SluiceError<'INVALID_MESSAGE'>;
}

describe('a text message', () => {
  it('arrives as it was sent, byte order marks included', () => {
    const wellFormed = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(wellFormed, (value) => {
        assert.equal(decodeMessage(text(), encodeMessage(text(), value)), value);
      }),
    );
    assert.equal(decodeMessage(text(), encodeMessage(text(), '\ufeffa')), '\ufeffa');
  });

  it('replaces a lone surrogate, which has no UTF-8', () => {
    assert.deepEqual([...encodeMessage(text(), '\ud800')], [0xef, 0xbf, 0xbd]);
  });

  it('that is not UTF-8 is refused', () => {
    for (const bad of ['\xff', '\xc0\x80', '\xed\xa0\x80', '\xe2\x82']) {
      const error = invalid(() => decodeMessage(text(), raw(bad)));
      assert.equal(error.message, `a message of ${bad.length} bytes is not UTF-8`);
      assert.deepEqual(error.details, { byteLength: bad.length });
    }
  });

  it('must be a string or bytes', () => {
    const value = 7 as unknown as string;
    assert.throws(() => encodeMessage(text(), value), {
      name: 'TypeError',
      message: 'a message of a text channel must be a string or a Uint8Array, got 7',
    });
    const encoded = raw('abc');
    assert.equal(encodeMessage(text(), encoded), encoded);
  });
});

describe('bytes and packets', () => {
  it('are never copied', () => {
    const value = raw('abc');
    for (const format of [bytes(), packets({ codec: 'h264' })]) {
      assert.equal(encodeMessage(format, value), value);
      assert.equal(decodeMessage(format, value), value);
    }
    assert.throws(() => encodeMessage(bytes(), 'abc' as unknown as Uint8Array), TypeError);
  });
});

describe('a JSON message', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        assert.deepEqual(decodeMessage(json(), encodeMessage(json(), value)), expected);
      }),
    );
  });

  it('of arbitrary bytes is a value or INVALID_MESSAGE', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
        try {
          decodeMessage(json(), value);
        } catch (error) {
          assert.ok(isSluiceError(error, 'INVALID_MESSAGE'));
        }
      }),
    );
  });

  it('that is not JSON is refused without acting on a terminal', () => {
    const error = invalid(() => decodeMessage(json(), raw('{"a":\u001b[2J}')));
    assert.match(error.message, /^a message of 10 bytes is not JSON: /);
    assert.ok(!error.message.includes('\u001b'));
    assert.equal(error.cause, undefined);
  });

  it('must have a JSON form', () => {
    assert.throws(() => encodeMessage(json(), undefined), {
      name: 'TypeError',
      message: 'a message of a json channel must be a JSON value, got undefined',
    });
    assert.throws(() => encodeMessage(json(), 1n), TypeError);
    const circular: unknown[] = [];
    circular.push(circular);
    assert.throws(() => encodeMessage(json(), circular), TypeError);
  });
});

describe('a schema', () => {
  it('checks what is sent and what is read', () => {
    const format = json(numbers);
    assert.equal(decodeMessage(format, encodeMessage(format, 5)), 5);
    const sent = invalid(() => encodeMessage(format, 'x' as unknown as number));
    assert.equal(sent.message, 'cannot send a message: its schema refused it: no number: x');
    const read = invalid(() => decodeMessage(format, raw('"\\u001b[2J"')));
    assert.equal(read.message, 'cannot read a message: its schema refused it: no number: \\e[2J');
    assert.deepEqual(read.details, {
      issues: [{ message: 'no number: \\e[2J', path: '' }],
      issueCount: 1,
    });
  });

  it('gives the value it makes of a message; what is sent is the value itself', () => {
    const doubling = schemaOf<number>((value) => ({ value: (value as number) * 2 }));
    const encoded = encodeMessage(json(doubling), 4);
    assert.equal(Buffer.from(encoded).toString(), '4');
    assert.equal(decodeMessage(json(doubling), encoded), 8);
  });

  it('tells where its issues are, and not more than 16 of them', () => {
    const path = ['boxes', 0, { key: 'x\u001b' }];
    const issues = Array.from({ length: 40 }, () => ({ message: 'bad', path }));
    const error = invalid(() => decodeMessage(json(schemaOf(() => ({ issues }))), raw('1')));
    assert.match(error.message, /refused it at boxes\.0\.x\\e: bad$/);
    assert.equal((error.details['issues'] as unknown[]).length, 16);
    assert.equal(error.details['issueCount'], 40);
    for (const odd of [[], [null], [7], ['text'], [{ path: [Symbol('s')] }]]) {
      invalid(() => decodeMessage(json(schemaOf(() => ({ issues: odd }))), raw('1')));
    }
  });

  it('may be a function with the property', () => {
    const callable = Object.assign(() => undefined, numbers);
    assert.equal(decodeMessage(json(callable), raw('3')), 3);
  });

  it('must answer at once, and its late failure reaches nobody', async () => {
    const rejected: unknown[] = [];
    const listener = (reason: unknown): void => void rejected.push(reason);
    process.on('unhandledRejection', listener);
    const late = json(schemaOf(() => Promise.reject(new Error('late'))));
    assert.throws(() => decodeMessage(late, raw('1')), {
      name: 'TypeError',
      message: /only synchronous schemas are supported/,
    });
    assert.throws(() => encodeMessage(late, 1), TypeError);
    // Rejections are reported when the queue of microtasks is empty, before the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    assert.deepEqual(rejected, []);
  });
});
