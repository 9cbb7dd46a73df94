/** An honest subscriber in a process of its own. It reads all the time, checks what it reads, and answers questions. */
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  type FrameSubscriber,
  isSluiceError,
  type MessageSubscriber,
  openSubscriber,
} from '../../src/index.js';
import { given, tell } from './program.js';
import { residentMiB } from './runtime.js';
import { readStamp, readStampedMessage, STAMPED, STAMPED_BYTES, type Stamped } from './stamp.js';

interface Given {
  readonly channel: string;
  readonly kind: 'frames' | 'messages';
  readonly options: object;
}

type Subscriber = FrameSubscriber<Stamped> | MessageSubscriber<typeof STAMPED_BYTES>;

const { channel, kind, options } = given<Given>();

async function open(): Promise<Subscriber> {
  if (kind === 'frames') return openSubscriber(channel, { format: STAMPED, ...options });
  return openSubscriber(channel, { format: STAMPED_BYTES, ...options });
}

function isSocket(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
  } catch {
    return false;
  }
}

function failed(error: unknown): string {
  if (!isSluiceError(error)) return `failed ${String(error)}`;
  return `failed ${error.code} ${JSON.stringify([error.message, error.remedy])}`;
}

async function readAll(subscriber: Subscriber): Promise<void> {
  for await (const unit of subscriber) {
    if ('value' in unit) {
      readStampedMessage(unit);
    } else {
      readStamp(unit);
      await new Promise((resolve) => setImmediate(resolve));
      readStamp(unit);
    }
  }
}

async function answer(subscriber: Subscriber, question: string): Promise<void> {
  switch (question) {
    case 'stats':
      return tell(JSON.stringify(subscriber.stats()));
    case 'memory':
      return tell(String(residentMiB()));
    case 'heir': {
      // A child that holds on to every descriptor from 3 up, as one made by fork(2) would.
      const inherited = Array.from({ length: 61 }, (_, i) => i + 3).filter(isSocket);
      const child = spawn('sleep', ['600'], {
        stdio: ['ignore', 'ignore', 'ignore', ...inherited],
      });
      return tell(String(child.pid));
    }
    case 'child': {
      const child = spawn('ls', ['/proc/self/fd'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let list = '';
      for await (const chunk of child.stdout) list += String(chunk);
      return tell(list.trim().split('\n').join(' '));
    }
    case 'exit while waiting':
      tell(String(Date.now()));
      return process.exit(0);
    default:
      await subscriber.close();
      return tell('closed');
  }
}

async function main(): Promise<void> {
  const subscriber = await open();
  tell('open');
  createInterface({ input: process.stdin }).on('line', (line) => void answer(subscriber, line));
  process.stdin.on('end', () => process.exit());
  await readAll(subscriber);
}

await main().catch((error: unknown) => {
  tell(failed(error));
  process.exitCode = 1;
  process.stdin.destroy();
});
