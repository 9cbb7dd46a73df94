import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type ByteTarget,
  closeDescriptor,
  createLargePipe,
  createPipe,
  PipeReader,
} from '../../../src/ffi/index.js';

const PIPE_BYTES = 1 << 16;

/** Wants pieces of one size, and keeps what comes. */
class Keeper implements ByteTarget {
  waits = false;
  bytesToCome = 0;
  bytes = Buffer.alloc(0);
  onPiece: () => void = () => undefined;
  readonly #place: Uint8Array;

  constructor(pieceBytes: number) {
    this.#place = new Uint8Array(pieceBytes);
  }

  next(): Uint8Array {
    assert.ok(!this.waits, 'a place is asked for while the target waits');
    return this.#place;
  }

  advance(byteLength: number): void {
    this.bytes = Buffer.concat([this.bytes, this.#place.subarray(0, byteLength)]);
    this.onPiece();
  }
}

function pattern(byteLength: number): Buffer {
  return Buffer.from(Array.from({ length: byteLength }, (_, at) => (at * 31 + (at >> 8)) & 255));
}

describe('a reader of pipes', () => {
  it('gives what comes, in order, until the end, and closes the descriptor', async () => {
    const open = readdirSync('/proc/self/fd').length;
    const { readable, writable } = createPipe(PIPE_BYTES);
    const target = new Keeper(100);
    const reader = new PipeReader(readable, target);
    const sent = pattern(50_000);
    writeSync(writable, sent);
    closeDescriptor(writable);
    await reader.ended;
    assert.deepEqual(target.bytes, sent);
    reader.close();
    assert.equal(readdirSync('/proc/self/fd').length, open);
  });

  for (const create of [createPipe, createLargePipe]) {
    it(`gathers what is large, and loses nothing of it: ${create.name}`, async () => {
      const { readable, writable } = create(PIPE_BYTES);
      const sent = 3_000_000;
      const target = new Keeper(sent);
      target.bytesToCome = sent;
      target.onPiece = () => (target.bytesToCome = sent - target.bytes.length);
      const reader = new PipeReader(readable, target, { gathers: true });
      const program = ['-e', `process.stdout.write(Buffer.alloc(${sent}, 'gather'))`];
      spawn(process.execPath, program, { stdio: ['ignore', writable, 'inherit'] });
      closeDescriptor(writable);
      await reader.ended;
      assert.ok(target.bytes.equals(Buffer.alloc(sent, 'gather')));
    });
  }

  it('waits in the event loop for a writer that has stopped in the middle', async () => {
    const { readable, writable } = createLargePipe(PIPE_BYTES);
    const target = new Keeper(3_000_000);
    target.bytesToCome = 3_000_000;
    const reader = new PipeReader(readable, target, { gathers: true });
    let places = 0;
    const { next } = target;
    target.next = () => {
      places += 1;
      return next.call(target);
    };
    const first = new Promise<void>((resolve) => (target.onPiece = resolve));
    writeSync(writable, 'half');
    await first;
    // Long enough for dozens of looks, were there any.
    await sleep(100);
    reader.close();
    closeDescriptor(writable);
    assert.ok(places <= 2, `${places} reads`);
    assert.equal(target.bytes.toString(), 'half');
  });

  it('is given sockets where the system lets them hold as much as a pipe', () => {
    const { readable, writable } = createLargePipe(4 << 20);
    const limit = Number(readFileSync('/proc/sys/net/core/wmem_max', 'utf8'));
    // socket(7): twice the limit is what a socket gets.
    assert.equal(fstatSync(readable).isSocket(), 2 * limit >= 1 << 20);
    assert.equal(fstatSync(writable).isFIFO(), 2 * limit < 1 << 20);
    closeDescriptor(readable);
    closeDescriptor(writable);
  });

  it('reads nothing while it is held, nor while its target waits', async () => {
    const { readable, writable } = createPipe(PIPE_BYTES);
    const target = new Keeper(1);
    const reader = new PipeReader(readable, target);
    const nextPiece = (then: () => void): Promise<void> =>
      new Promise((resolve) => {
        target.onPiece = () => {
          then();
          resolve();
        };
      });
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    };
    const first = nextPiece(() => reader.hold());
    writeSync(writable, 'abc');
    await first;
    await turns();
    assert.equal(target.bytes.toString(), 'a');
    const second = nextPiece(() => (target.waits = true));
    reader.release();
    await second;
    await turns();
    assert.equal(target.bytes.toString(), 'ab');
    closeSync(writable);
    target.onPiece = () => undefined;
    reader.proceed(() => (target.waits = false));
    await reader.ended;
    assert.equal(target.bytes.toString(), 'abc');
  });

  it('fails where its descriptor cannot be watched, and closes it', async () => {
    const open = readdirSync('/proc/self/fd').length;
    // epoll(7) takes no regular file: EPERM, as it is EMFILE where no descriptor is left to ask it with.
    const reader = new PipeReader(openSync('/proc/self/exe', 'r'), new Keeper(8));
    reader.hold();
    reader.release();
    await assert.rejects(reader.ended, { code: 'EPERM' });
    reader.close();
    assert.equal(readdirSync('/proc/self/fd').length, open);
  });

  it('ends with what its target throws, also in a step between', async () => {
    for (const step of ['advance', 'proceed'] as const) {
      const { readable, writable } = createPipe(PIPE_BYTES);
      const target = new Keeper(8);
      const reader = new PipeReader(readable, target);
      const refuse = (): never => {
        throw new RangeError('no such bytes');
      };
      writeSync(writable, 'x');
      if (step === 'proceed') reader.proceed(refuse);
      else target.onPiece = refuse;
      await assert.rejects(reader.ended, RangeError);
      closeSync(writable);
    }
  });
});

describe('a pipe that cannot have its capacity', () => {
  it('leaves no descriptor behind', () => {
    const open = readdirSync('/proc/self/fd').length;
    // Larger than fcntl(F_SETPIPE_SZ) knows, and than SO_SNDBUF has room for.
    assert.throws(() => createPipe(3 * 2 ** 30), { code: 'EINVAL' });
    assert.throws(() => createLargePipe(2 ** 40), RangeError);
    assert.equal(readdirSync('/proc/self/fd').length, open);
  });
});
