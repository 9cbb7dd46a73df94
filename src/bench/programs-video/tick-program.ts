/** Two bare programs, one of which tells the other a time 25 times a second: what telling costs without any stream. */
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { mapShared } from '../../ffi/index.js';
import { answer, clockNs, givenTo } from '../programs-frames/given.js';

export interface TickGiven {
  /** Of the socket, or of a file whose memory both share. */
  readonly path: string;
  readonly role: 'sender' | 'receiver';
  /** A receiver that sleeps until its socket has something, or one that looks at a word without a pause. */
  readonly by: 'socket' | 'word';
}

/** What a receiver is asked. */
export interface TickRequest {
  readonly ticks: number;
}

export interface Ticks {
  /** From the moment that was told to the moment it was known. */
  readonly latenciesUs: readonly number[];
}

const PAUSE_MS = 40;
const SILENCE_MS = 5000;
const SHARED_BYTES = 4096;

const { path, role, by } = givenTo<TickGiven>();

/** A word that counts, and a time. */
function sharedMemory(): { readonly words: Int32Array; readonly times: Float64Array } {
  const fd = openSync(path, 'a+');
  ftruncateSync(fd, SHARED_BYTES);
  const buffer = mapShared(fd, SHARED_BYTES, 'read-write').view(0, SHARED_BYTES);
  closeSync(fd);
  return { words: new Int32Array(buffer), times: new Float64Array(buffer) };
}

function sendBySocket(): Promise<void> {
  const server = createServer((socket) => {
    const timer = setInterval(() => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(clockNs());
      socket.write(bytes);
    }, PAUSE_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => clearInterval(timer));
  });
  return new Promise((resolve) => server.listen(path, resolve));
}

function receiveBySocket(count: number): Promise<number[]> {
  const latenciesUs: number[] = [];
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      latenciesUs.push((clockNs() - bytes.readDoubleLE(0)) / 1000);
      if (latenciesUs.length < count) return;
      socket.destroy();
      resolve(latenciesUs);
    });
  });
}

function sendByWord(): void {
  const { words, times } = sharedMemory();
  setInterval(() => {
    times[1] = clockNs();
    Atomics.add(words, 0, 1);
  }, PAUSE_MS);
}

function receiveByWord(count: number): number[] {
  const { words, times } = sharedMemory();
  const latenciesUs: number[] = [];
  const deadlineMs = performance.now() + count * PAUSE_MS + SILENCE_MS;
  let seen = Atomics.load(words, 0);
  for (let looks = 1; latenciesUs.length < count; looks += 1) {
    const now = Atomics.load(words, 0);
    if (now !== seen) latenciesUs.push((clockNs() - times[1]!) / 1000);
    else if (looks % 65_536 === 0 && performance.now() > deadlineMs) break;
    seen = now;
  }
  return latenciesUs;
}

if (role === 'receiver') {
  process.on('message', ({ ticks }: TickRequest) => {
    void (async () => {
      const latenciesUs = await (by === 'socket' ? receiveBySocket(ticks) : receiveByWord(ticks));
      await answer({ latenciesUs } satisfies Ticks);
    })();
  });
} else if (by === 'socket') await sendBySocket();
else sendByWord();
await answer({ ready: true });
