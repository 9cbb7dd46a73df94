import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../../src/core/index.js';
import { MAX_INPUT_BYTES, PtyProcess } from '../../../src/terminal/pty/index.js';
import { Terminal } from './terminal.js';

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('a program in a terminal', () => {
  it('leads a session whose controlling terminal it is', async () => {
    const terminal = await Terminal.run([
      'sh',
      '-c',
      'cut -d" " -f1,5,6,8 /proc/self/stat; tty; : </dev/tty',
    ]);
    await terminal.ended;
    const [, group, session, foreground] = terminal.text.split(/[\s]+/).map(Number);
    assert.equal(session, terminal.process.pid);
    assert.equal(group, terminal.process.pid);
    assert.equal(foreground, terminal.process.pid);
    assert.match(terminal.text, /\/dev\/pts\/\d+/);
    assert.doesNotMatch(terminal.text, /No such device/);
  });

  it('has job control', async (test) => {
    const terminal = await Terminal.run(['bash', '--norc', '-i'], { test });
    // A Ctrl-Z throws away what was typed and not read yet.
    await terminal.shows(/[#$] /);
    terminal.type('sleep 1000\r');
    await terminal.shows(/sleep 1000\r\n/);
    // A shell's child hears no signal until it has become the program.
    while (!/Stopped\s+sleep 1000/.test(terminal.text)) {
      if (terminal.process.foregroundGroup !== terminal.process.pid) terminal.type('\u001a');
      await turn();
    }
    terminal.type('fg\r');
    while (terminal.process.foregroundGroup === terminal.process.pid) await turn();
    terminal.kill();
    assert.deepEqual(await terminal.ended, { exitCode: undefined, signal: 'SIGKILL' });
  });

  it('is interrupted by Ctrl-C', async (test) => {
    const terminal = await Terminal.run(['sh', '-c', 'echo here; sleep 1000'], { test });
    await terminal.shows(/here/);
    // A shell that is about to start a program lets one pass.
    const again = setInterval(() => terminal.type('\u0003'), 5);
    test.after(() => clearInterval(again));
    assert.deepEqual(await terminal.ended, { exitCode: undefined, signal: 'SIGINT' });
    clearInterval(again);
  });

  it('has its size from the start, and hears of another', async (test) => {
    const script =
      'stty size; trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.02; done';
    const terminal = await Terminal.run(['sh', '-c', script], { columns: 132, rows: 43, test });
    await terminal.shows(/ready/);
    terminal.process.resize({ columns: 65, rows: 17 });
    await terminal.ended;
    assert.match(terminal.text, /^43 132\r\n[^]*17 65\r\n/);
  });

  it('erases whole characters: its line discipline knows of UTF-8', async () => {
    const terminal = await Terminal.run(['sh', '-c', 'stty -a']);
    await terminal.ended;
    assert.match(terminal.text, / iutf8/);
  });

  it('tells by its exit code that it could not be run', async () => {
    const terminal = await Terminal.run(['/nowhere/at-all']);
    assert.deepEqual(await terminal.ended, { exitCode: 127, signal: undefined });
    assert.match(terminal.text, /nowhere/);
  });

  it('is not started in a directory that is not there', async () => {
    const before = openDescriptors();
    const options = {
      command: ['true'],
      directory: '/nowhere/at-all',
      environment: {},
      size: { columns: 80, rows: 24 },
    };
    await assert.rejects(
      PtyProcess.start(options, { onOutput: () => undefined }),
      (error) => isSluiceError(error, 'SYSTEM') && error.message.includes('/nowhere/at-all'),
    );
    assert.equal(openDescriptors(), before);
  });
});

describe('descriptors', () => {
  it('of other terminals are not inherited: a program has three', async (test) => {
    const before = openDescriptors();
    const others = await Promise.all(
      Array.from({ length: 4 }, () => Terminal.run(['sleep', '1000'], { test })),
    );
    const shown = await Terminal.run(['sh', '-c', 'ls /proc/$$/fd']);
    await shown.ended;
    const list = shown.text.trim().split(/\s+/);
    // dash keeps the script's terminal at 10 when it is interactive; `sh -c` does not.
    assert.deepEqual(list, ['0', '1', '2']);
    for (const other of others) other.kill();
    await Promise.all(others.map(({ ended }) => ended));
    assert.equal(openDescriptors(), before);
  });
});

describe('input', () => {
  it('arrives whole and in order, however slowly it is read', async (test) => {
    const words = Array.from({ length: 40_000 }, (_, at) => `${at}\n`).join('');
    const total = Buffer.byteLength(words);
    const script = `stty raw -echo; echo ready; sleep 0.1; head -c ${total} | cksum; echo done`;
    const terminal = await Terminal.run(['sh', '-c', script], { test });
    await terminal.shows(/ready/);
    let accepted = 0;
    for (let at = 0; at < total; at += 7000) {
      assert.ok(terminal.type(words.slice(at, at + 7000)));
      accepted += words.slice(at, at + 7000).length;
    }
    assert.equal(accepted, total);
    assert.ok(terminal.process.queuedBytes > 0, 'a terminal that takes all of it tests nothing');
    await terminal.ended;
    const expected = await Terminal.run(['sh', '-c', 'seq 0 39999 | cksum']);
    await expected.ended;
    assert.ok(terminal.text.includes(expected.text.trim()), terminal.text);
  });

  it('is refused whole when too much of it waits', async (test) => {
    const terminal = await Terminal.run(['sh', '-c', 'stty raw -echo; echo ready; sleep 1000'], {
      test,
    });
    await terminal.shows(/ready/);
    const piece = new Uint8Array(MAX_INPUT_BYTES / 4).fill(0x61);
    let taken = 0;
    while (terminal.process.write(piece)) taken += 1;
    assert.ok(taken >= 4);
    const waiting = terminal.process.queuedBytes;
    assert.ok(waiting <= MAX_INPUT_BYTES);
    assert.equal(terminal.process.write(piece), false);
    assert.equal(terminal.process.queuedBytes, waiting);
  });

  it('to a program that has ended is not taken', async () => {
    const terminal = await Terminal.run(['true']);
    await terminal.ended;
    assert.equal(terminal.type('x'), false);
    terminal.process.resize({ columns: 1, rows: 1 });
  });
});

describe('a reader that pauses', () => {
  it('stops the program, and misses nothing', async (test) => {
    const total = 3_000_000;
    const terminal = await Terminal.run(['head', '-c', String(total), '/dev/zero'], { test });
    let pauses = 0;
    terminal.onPiece = () => {
      if (pauses === 20) return;
      pauses += 1;
      terminal.process.pause();
      setTimeout(() => terminal.process.resume(), 1);
    };
    await terminal.ended;
    assert.equal(pauses, 20);
    assert.equal(terminal.byteLength, total);
  });

  it('gets the end after the rest, also when it was paused at the exit', async (test) => {
    const terminal = await Terminal.run(
      ['sh', '-c', 'echo first; read x; head -c 3000 /dev/zero'],
      {
        test,
      },
    );
    await terminal.shows(/first/);
    const shown = terminal.byteLength;
    let over = false;
    void terminal.ended.then(() => (over = true));
    terminal.process.pause();
    terminal.type('\n');
    while (isAlive(terminal.process.pid)) await turn();
    await turn();
    assert.equal(over, false);
    assert.equal(terminal.byteLength, shown);
    terminal.process.resume();
    await terminal.ended;
    // The echo of what was typed, and all of the output.
    assert.equal(terminal.byteLength, shown + 2 + 3000);
  });
});

describe('the end', () => {
  it('does not wait for what was left in the background', async () => {
    const script =
      'trap "" HUP; (trap "" HUP; while :; do echo noise; done) & echo last words of $!';
    const terminal = await Terminal.run(['bash', '-c', script]);
    assert.deepEqual(await terminal.ended, { exitCode: 0, signal: undefined });
    const [, pid] = /last words of (\d+)/.exec(terminal.text) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    assert.ok(terminal.byteLength < 10_000_000);
  });

  it('does not wait for a silent background process that keeps the terminal', async () => {
    const terminal = await Terminal.run(['sh', '-c', 'trap "" HUP; sleep 1000 & echo $!']);
    assert.equal((await terminal.ended).exitCode, 0);
    const pid = Number(terminal.text);
    assert.ok(pid > 1);
    process.kill(pid, 'SIGKILL');
  });

  it('is read in small pieces while each takes long', async (test) => {
    const pieces: number[] = [];
    const script = 'stty raw; read -r line; head -c 300000 /dev/zero';
    const terminal = await Terminal.run(['sh', '-c', script], { test });
    terminal.onPiece = ({ byteLength }) => {
      pieces.push(byteLength);
      // As a screen does that is asked to begin anew with every second byte.
      const untilMs = performance.now() + 20;
      while (pieces.length < 24 && performance.now() < untilMs);
    };
    terminal.type('\n');
    await terminal.ended;
    const small = pieces.slice(12, 24).filter((byteLength) => byteLength <= 128);
    assert.equal(small.length, 12, pieces.join(' '));
    assert.ok(terminal.byteLength >= 300_000, 'with an echo');
  });

  it('lets a quiet program be heard beside a noisy one', async (test) => {
    const noisy = await Terminal.run(['yes'], { test });
    const quiet = await Terminal.run(['cat'], { test });
    while (noisy.byteLength === 0) await turn();
    for (let round = 0; round < 50; round += 1) {
      quiet.type(`${round}.\n`);
      await quiet.shows(new RegExp(`\\b${round}\\.\r\n${round}\\.`));
    }
    noisy.kill();
    await noisy.ended;
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
