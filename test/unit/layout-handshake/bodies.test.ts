import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError, SluiceError } from '../../../src/core/errors.js';
import {
  encodeErrorFrame,
  encodeFrame,
  errorOfBody,
  FRAME_HEADER_BYTES,
  FrameType,
  isObserverWelcome,
  parseClientFrame,
  parseServerFrame,
  type ErrorBody,
  type Frame,
} from '../../../src/layout/handshake.js';

const HELLO = {
  protocol: 1,
  role: 'subscriber',
  delivery: 'every',
  maxLag: 8,
  leases: 4,
  start: 'newest',
  share: [1, 4],
  label: 'détecteur',
  bootId: 'b',
  monotonicNs: 12.5,
};
const WELCOME = {
  manifest: { channel: 'a' },
  subscriber: 3,
  leases: 4,
  maxLag: 8,
  sequence: 2 ** 40,
  controlBytes: 4096,
  clockOffsetNs: -5,
};
const EPOCH = { manifest: {}, sequence: 0, controlBytes: 1 };
const GPU = 'GPU-8f6c1a2e-3b4d-4c5e-9f70-0a1b2c3d4e5f';
/** What a GPU's data memory adds to WELCOME and EPOCH. */
const DATA = { dataBytes: 2 ** 46, mirroredFrom: 2 ** 53 - 1 };
const STATS = { publisher: { published: 1 }, subscribers: [{ label: 'x' }] };

function fromClient(type: FrameType, body?: unknown): Frame {
  return parseClientFrame(type, encodeFrame(type, body).subarray(FRAME_HEADER_BYTES));
}

function fromServer(type: FrameType, body?: unknown): Frame {
  return parseServerFrame(type, encodeFrame(type, body).subarray(FRAME_HEADER_BYTES));
}

describe('bodies', () => {
  const good = [
    { parse: fromClient, type: FrameType.HELLO, body: HELLO },
    { parse: fromClient, type: FrameType.HELLO, body: { ...HELLO, start: 'oldest' } },
    { parse: fromClient, type: FrameType.HELLO, body: { ...HELLO, start: 0 } },
    { parse: fromClient, type: FrameType.HELLO, body: { ...HELLO, keyFramesOnly: true } },
    { parse: fromClient, type: FrameType.HELLO, body: { ...HELLO, device: GPU } },
    { parse: fromClient, type: FrameType.HELLO, body: { ...HELLO, device: GPU, copy: 'host' } },
    { parse: fromClient, type: FrameType.ACK, body: { epoch: 2 } },
    { parse: fromClient, type: FrameType.BYE, body: { reason: '' } },
    { parse: fromServer, type: FrameType.WELCOME, body: WELCOME },
    { parse: fromServer, type: FrameType.WELCOME, body: { ...WELCOME, ...DATA } },
    { parse: fromServer, type: FrameType.WELCOME, body: { ...WELCOME, copied: 'host' } },
    { parse: fromServer, type: FrameType.WELCOME, body: { manifest: {}, stats: STATS } },
    { parse: fromServer, type: FrameType.EPOCH, body: EPOCH },
    { parse: fromServer, type: FrameType.EPOCH, body: { ...EPOCH, dataBytes: 1, mirroredFrom: 0 } },
    { parse: fromServer, type: FrameType.EPOCH, body: { ...EPOCH, copied: 'host' } },
    { parse: fromServer, type: FrameType.STATS, body: STATS },
    { parse: fromServer, type: FrameType.STATS, body: { ...STATS, omitted: 3 } },
    { parse: fromServer, type: FrameType.ERROR, body: { code: 'X', message: 'm', remedy: '' } },
    { parse: fromServer, type: FrameType.BYE, body: { reason: 'end' } },
  ];
  for (const { parse, type, body } of good) {
    it(`pass the validator unchanged: ${type} ${JSON.stringify(body).slice(0, 60)}`, () => {
      assert.deepEqual(parse(type, body), { type, body });
      const more = { ...body, unknown: { x: 1 }, ['__proto__']: null };
      assert.deepEqual(parse(type, more), { type, body }, 'unknown keys are ignored');
    });
  }

  it('leave out what an observer need not say', () => {
    const { body } = fromClient(FrameType.HELLO, { protocol: 1, role: 'observer', label: 'ls' });
    assert.equal((body as { leases: number }).leases, 0);
    const device = { protocol: 1, role: 'observer', label: 'ls', device: 7, copy: 7 };
    assert.deepEqual(fromClient(FrameType.HELLO, device).body, body, 'and do not look at the rest');
  });

  it('tell the two kinds of WELCOME apart', () => {
    const kinds = [WELCOME, { manifest: {}, stats: STATS }].map((welcome) => {
      const frame = fromServer(FrameType.WELCOME, welcome);
      return frame.type === FrameType.WELCOME && isObserverWelcome(frame.body);
    });
    assert.deepEqual(kinds, [false, true]);
  });

  const badFields: [FrameType, object, string, readonly unknown[]][] = [
    [FrameType.HELLO, HELLO, 'protocol', [2, '1', undefined]],
    [FrameType.HELLO, HELLO, 'role', ['root', undefined, 3, '__proto__']],
    [FrameType.HELLO, HELLO, 'delivery', ['some', undefined]],
    [FrameType.HELLO, HELLO, 'maxLag', [-1, 1.5, 2 ** 31, '8', undefined]],
    [FrameType.HELLO, HELLO, 'leases', [17, -1, undefined]],
    [FrameType.HELLO, HELLO, 'start', ['last', -1, 0.5, 2 ** 53, undefined]],
    [
      FrameType.HELLO,
      HELLO,
      'share',
      [[1, 1], [-1, 2], [0, 0], [0], [0, 1, 2], {}, [0, 65537], null],
    ],
    [FrameType.HELLO, HELLO, 'label', ['x'.repeat(129), 5, undefined]],
    [FrameType.HELLO, HELLO, 'keyFramesOnly', [1, 'true', null]],
    [
      FrameType.HELLO,
      HELLO,
      'device',
      [0, null, '', 'cuda:0', GPU.slice(4), GPU.toUpperCase(), `${GPU}0`, `${GPU}\n`, ` ${GPU}`],
    ],
    [FrameType.HELLO, HELLO, 'copy', [true, null, '', 'cuda', ['host']]],
    [FrameType.HELLO, HELLO, 'bootId', [5, 'x'.repeat(65)]],
    [FrameType.HELLO, HELLO, 'monotonicNs', ['now', undefined]],
    [FrameType.ACK, { epoch: 1 }, 'epoch', [-1, 2 ** 32, 0.5, undefined]],
    [FrameType.WELCOME, WELCOME, 'manifest', [[], null, 'x', undefined]],
    [FrameType.WELCOME, WELCOME, 'subscriber', [-1, undefined]],
    [FrameType.WELCOME, WELCOME, 'leases', [17, undefined]],
    [FrameType.WELCOME, WELCOME, 'sequence', [-1, 2 ** 53, undefined]],
    [FrameType.WELCOME, WELCOME, 'controlBytes', [0, 2 ** 41, undefined]],
    [FrameType.WELCOME, WELCOME, 'clockOffsetNs', ['0', undefined]],
    [FrameType.WELCOME, WELCOME, 'stats', [1, null, []]],
    [FrameType.WELCOME, WELCOME, 'dataBytes', [0, -1, 1.5, 2 ** 46 + 1, '4096', null]],
    [FrameType.WELCOME, WELCOME, 'mirroredFrom', [-1, 0.5, 2 ** 53, '1', null]],
    [FrameType.WELCOME, WELCOME, 'copied', [true, 'cuda', '', null]],
    [FrameType.EPOCH, EPOCH, 'manifest', [[], undefined]],
    [FrameType.EPOCH, EPOCH, 'dataBytes', [0, 2 ** 46 + 1, null]],
    [FrameType.EPOCH, EPOCH, 'mirroredFrom', [-1, 2 ** 53, null]],
    [FrameType.EPOCH, EPOCH, 'copied', [true, 'cuda', null]],
    [FrameType.STATS, STATS, 'publisher', [[], undefined]],
    [FrameType.STATS, STATS, 'subscribers', [{}, [1], [[]], [null], undefined]],
    [FrameType.ERROR, { code: 'A', message: '' }, 'code', [5, 'x'.repeat(65), undefined]],
    [FrameType.ERROR, { code: 'A', message: '' }, 'message', [{}, undefined]],
    [FrameType.ERROR, { code: 'A', message: '' }, 'details', [[], 'x', null]],
    [FrameType.BYE, { reason: '' }, 'reason', [5, undefined]],
  ];
  for (const [type, body, field, values] of badFields) {
    it(`are refused by the path of the field: ${type} ${field}`, () => {
      const parse = type === FrameType.HELLO || type === FrameType.ACK ? fromClient : fromServer;
      for (const value of values) {
        assert.throws(
          () => parse(type, { ...body, [field]: value }),
          (error) => isSluiceError(error, 'PROTOCOL') && error.message.includes(`.${field}`),
          JSON.stringify(value),
        );
      }
    });
  }

  it('read a number beyond the range of doubles as none', () => {
    const text = JSON.stringify(HELLO).replace('12.5', '1e999');
    assert.throws(() => parseClientFrame(FrameType.HELLO, Buffer.from(text)), /monotonicNs/);
  });

  it('are refused when they are no object, and from the wrong side', () => {
    for (const body of [undefined, 1, [], 'x']) {
      assert.throws(() => fromClient(FrameType.HELLO, body), /HELLO must be an object/);
    }
    assert.throws(() => fromClient(FrameType.STATS, {}), /no body/);
    const { WELCOME: welcome, EPOCH: epoch, ERROR: error, HELLO: hello, ACK: ack } = FrameType;
    for (const type of [welcome, epoch, error]) {
      assert.throws(() => fromClient(type, {}), /a client does not send/);
    }
    for (const type of [hello, ack]) {
      assert.throws(() => fromServer(type, {}), /a server does not send/);
    }
  });

  it('show foreign text in errors as harmless text', () => {
    assert.throws(
      () => fromClient(FrameType.HELLO, { ...HELLO, role: '\u001b[2J\u202e' }),
      (error) => error instanceof Error && !/[\u001b\u202e]/.test(error.message),
    );
  });
});

describe('errors on the wire', () => {
  function throughTheWire(error: unknown): SluiceError {
    const frame = parseServerFrame(
      FrameType.ERROR,
      encodeErrorFrame(error).subarray(FRAME_HEADER_BYTES),
    );
    return errorOfBody(frame.body as ErrorBody, 'peer: ');
  }

  it('keep code, message, remedy and details', () => {
    const details = { slots: 4, list: ['a', { b: null }] };
    const back = throughTheWire(
      new SluiceError('LEASES_EXHAUSTED', 'too few', { details, remedy: 'use 8' }),
    );
    assert.equal(back.code, 'LEASES_EXHAUSTED');
    assert.equal(back.message, 'peer: too few');
    assert.equal(back.remedy, 'use 8');
    assert.equal(JSON.stringify(back.details), JSON.stringify(details));
  });

  it('always fit into a frame', () => {
    const long = 'ü'.repeat(200_000);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    for (const details of [{ long }, cyclic, { big: 1n }]) {
      const back = throughTheWire(new SluiceError('SYSTEM', long, { details, remedy: long }));
      assert.deepEqual(Object.keys(back.details), []);
      assert.equal(back.message.length, 'peer: '.length + 1024);
    }
    assert.equal(throughTheWire(new Error('plain')).code, 'SYSTEM');
    assert.equal(throughTheWire('thrown text').message, 'peer: thrown text');
  });

  it('turn an unknown code into PROTOCOL and make foreign text printable, details too', () => {
    const evil = '\u001b]0;x\u0007\u202e';
    const body = { code: `NO${evil}`, message: evil, remedy: evil, details: { [evil]: [evil] } };
    const error = errorOfBody(body, '');
    assert.equal(error.code, 'PROTOCOL');
    const all = [error.message, error.remedy, ...Object.keys(error.details)];
    all.push(...(Object.values(error.details)[0] as string[]));
    for (const text of all) assert.doesNotMatch(text, /[\u001b\u0007\u202e]/);
    assert.match(error.message, /unknown error 'NO/);
    assert.equal(errorOfBody({ ...body, code: 'toString' }, '').code, 'PROTOCOL');
  });

  it('bound the details', () => {
    let deep: object = {};
    for (let depth = 0; depth < 10; depth += 1) deep = { deep };
    const details = { deep, wide: Array.from({ length: 1000 }, () => 0) };
    const error = errorOfBody({ code: 'SYSTEM', message: '', remedy: '', details }, '');
    assert.equal((error.details['wide'] as unknown[]).length, 64);
    assert.match(JSON.stringify(error.details['deep']), /…/);
  });
});
