import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AgentLog, type AgentLogOptions } from '../../../src/terminal/session/agent-log.js';
import {
  listSegments,
  LOG_EVENT,
  readLogPiece,
  segmentPaths,
  TIMES_RECORD_BYTES,
} from '../../../src/terminal/session/log-files.js';

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-log-'));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return join(path, 'agent');
}

function open(directory: string, options: Partial<AgentLogOptions> = {}): AgentLog {
  const quiet = { onPressure: () => undefined, onNotice: () => undefined };
  return new AgentLog({ directory, maxBytes: 1 << 20, ...quiet, ...options });
}

function contentOf(directory: string): Buffer {
  return Buffer.concat(listSegments(directory).map(({ path }) => readFileSync(path)));
}

/** Of this process. */
function openFilesIn(directory: string): string[] {
  const paths = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      // That of the listing itself.
      return '';
    }
  });
  return paths.filter((path) => path.startsWith(directory));
}

describe('the log of an agent', () => {
  it('has every byte at its sequence, also of the next life', async (test) => {
    const directory = folder(test);
    const first = open(directory);
    first.append(Buffer.from('one '));
    first.append(Buffer.from('two '));
    assert.equal(first.sequence, 8);
    assert.equal(await first.close(), 0);
    const second = open(directory);
    assert.equal(second.sequence, 8);
    second.append(Buffer.from('three'));
    await second.close();
    assert.equal(contentOf(directory).toString(), 'one two three');
    const piece = readLogPiece(directory, 6, 100);
    assert.equal(piece?.sequence, 6);
    assert.equal(readLogPiece(directory, 13, 100), undefined);
  });

  it('takes nothing while it is closed and after that, and leaves no file open', async (test) => {
    const directory = folder(test);
    const log = open(directory);
    log.append(Buffer.from('kept'));
    const closed = log.close();
    log.append(Buffer.from('late'));
    assert.equal(await closed, 0);
    log.noteSize({ columns: 80, rows: 24 });
    log.append(Buffer.from('later'));
    assert.equal(log.sequence, 4);
    // Files are opened in other threads, one after the other.
    for (let turn = 0; turn < 3; turn += 1) await stat(directory);
    assert.equal(contentOf(directory).toString(), 'kept');
    assert.deepEqual(openFilesIn(directory), []);
  });

  it('says when each piece came, what size the terminal had, when programs began and ended', async (test) => {
    const directory = folder(test);
    let now = 100;
    const log = open(directory, { now: () => now });
    log.noteSize({ columns: 80, rows: 24 });
    log.noteStart();
    log.append(Buffer.from('abc'));
    now = 250;
    log.append(Buffer.from('d'));
    log.noteEnd({ signal: 'SIGKILL' });
    await log.close();
    const times = readFileSync(listSegments(directory)[0]?.timesPath ?? '');
    const records = Array.from({ length: times.byteLength / TIMES_RECORD_BYTES }, (_, at) => {
      const base = at * TIMES_RECORD_BYTES;
      return [
        times.readDoubleLE(base),
        times.readDoubleLE(base + 8),
        times.readUInt32LE(base + 16),
        times.readUInt32LE(base + 20),
      ];
    });
    assert.deepEqual(records, [
      [0, 100, LOG_EVENT.size, (80 << 16) | 24],
      [0, 100, LOG_EVENT.start, 0],
      [0, 100, LOG_EVENT.output, 0],
      [3, 250, LOG_EVENT.output, 0],
      [4, 250, LOG_EVENT.end, 256 + 9],
    ]);
  });

  it('is read while its oldest piece goes', async (test) => {
    const directory = folder(test);
    mkdirSync(directory);
    writeFileSync(segmentPaths(directory, 1000).path, 'the newest');
    const { path } = segmentPaths(directory, 0);
    const script = 'while :; do echo old >"$0"; rm "$0"; done';
    const other = spawn('sh', ['-c', script, path], { stdio: 'ignore' });
    test.after(() => other.kill('SIGKILL'));
    await once(other, 'spawn');
    const seen = new Set<string>();
    for (let reads = 0; reads < 5000 || seen.size < 2; reads += 1) {
      seen.add(Buffer.from(readLogPiece(directory, 0, 100)?.bytes ?? []).toString());
    }
    assert.deepEqual([...seen].sort(), ['old\n', 'the newest']);
  });

  it('is bounded: the oldest goes, and it says what went', async (test) => {
    const directory = folder(test);
    const notices: string[] = [];
    const maxBytes = 1 << 20;
    const log = open(directory, { maxBytes, onNotice: (text) => notices.push(text) });
    const piece = Buffer.alloc(10_000);
    let written = 0;
    for (let round = 0; round < 400; round += 1) {
      piece.fill(round);
      log.append(piece);
      written += piece.byteLength;
      while (log.writtenSequence < written) await new Promise((resolve) => setImmediate(resolve));
      const kept = contentOf(directory).byteLength;
      assert.ok(kept <= maxBytes, `${kept} bytes`);
    }
    await log.close();
    const segments = listSegments(directory);
    const first = segments[0]?.start ?? 0;
    assert.equal(first, log.firstSequence);
    assert.ok(first > 0 && written - first > (maxBytes * 3) / 4);
    assert.match(
      notices.at(-1) ?? '',
      new RegExp(`to ${first - 1} were removed: .* 1048576 bytes`),
    );
    assert.equal(
      readLogPiece(directory, 0, 10)?.sequence,
      first,
      'a reader is told where it begins',
    );
    assert.equal(contentOf(directory)[0], Math.floor(first / 10_000) % 256);
  });

  it('keeps most of what it may also when much comes at once', async (test) => {
    const directory = folder(test);
    const maxBytes = 1 << 20;
    const log = open(directory, { maxBytes });
    // What waits for the disk is more than the whole log may have.
    for (let at = 0; at < 60; at += 1) log.append(Buffer.alloc(65_536, at));
    await log.close();
    const kept = contentOf(directory).byteLength;
    assert.ok(kept <= maxBytes && kept > (maxBytes * 3) / 4, `${kept} bytes`);
    assert.equal(contentOf(directory).at(-1), 59);
  });

  it('goes on when its files were taken away', async (test) => {
    const directory = folder(test);
    const notices: string[] = [];
    const log = open(directory, { onNotice: (text) => notices.push(text) });
    const write = async (value: number): Promise<void> => {
      log.append(Buffer.alloc(65_536, value));
      while (log.writtenSequence < log.sequence && log.problem === '') {
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let at = 0; at < 5; at += 1) await write(at);
    rmSync(directory, { recursive: true });
    for (let at = 5; at < 40; at += 1) await write(at);
    assert.equal(log.problem, '', notices.join('\n'));
    await log.close();
    assert.equal(contentOf(directory).at(-1), 39);
  });

  it('presses back while it cannot be written, and loses nothing', async (test) => {
    const directory = folder(test);
    const pressure: boolean[] = [];
    const log = open(directory, {
      maxBytes: 64 << 20,
      onPressure: (pressed) => pressure.push(pressed),
    });
    // Faster than any disk: everything waits in memory until this turn is over.
    for (let at = 0; at < 6; at += 1) log.append(Buffer.alloc(1 << 20, at));
    assert.deepEqual(pressure, [true]);
    while (pressure.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(pressure, [true, false]);
    await log.close();
    assert.equal(contentOf(directory).byteLength, 6 << 20);
  });
});
