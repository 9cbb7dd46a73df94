/** What `sluice replay --show` and `--out` refuse, and how files of recordings come onto one clock. */
import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { buildProgram } from '../../../src/cli/program.js';
import { readRecording } from '../../../src/cli/replay/read-recording.js';
import { Run, UsageError } from '../../../src/cli/run.js';
import { SluiceError } from '../../../src/core/index.js';
import { SCENE, STARTED_MS, writeMcap } from './recorded-agents.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-test-replay-'));
const run = new Run({ quiet: true });
after(() => {
  run.close();
  rmSync(folder, { recursive: true, force: true });
});
const all = join(folder, 'all.mcap');
const written = writeMcap(all, SCENE);

/** What a command line is refused with. */
async function refusal(...words: readonly string[]): Promise<Error> {
  const program = await buildProgram(words[0], async (_options, action) => {
    await action(run);
  });
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    return error as Error;
  }
  return assert.fail(`${words.join(' ')} was not refused`);
}

function writeCast(name: string, timestamp: number, seconds: number, line: string): string {
  const header = { version: 3, term: { cols: 30, rows: 5 }, timestamp };
  const file = join(folder, `${name}.cast`);
  writeFileSync(file, `${JSON.stringify(header)}\n[${seconds}, "o", ${JSON.stringify(line)}]\n`);
  return file;
}

describe('recordings on one clock', () => {
  it('of an .mcap have every agent, in the order in which they began, by the time of each message', async () => {
    await written;
    const { agents, startedMs, lengthMs } = await readRecording([all]);
    assert.deepEqual([startedMs, lengthMs], [STARTED_MS, 600_000]);
    const told = agents.map(({ name, size, events }) => {
      const times = Array.from({ length: events.count }, (_, at) => Math.round(events.timeMs(at)));
      return [name, size?.columns, times];
    });
    assert.deepEqual(told, [
      ['fix', 40, [0, 100, 59_000, 600_000]],
      ['log', undefined, [1000]],
      ['test', 40, [60_000, 61_000, 100_000]],
      ['plan', undefined, [62_000]],
    ]);
    const text = Buffer.from(agents[3]!.events.bytes(0)).toString();
    assert.equal(text, '\u001b[0;32m{"step":1}\u001b[0m\r\n');
  });

  it('of asciicasts that went on at the same time begin when they did, others together', async () => {
    const first = writeCast('a', 1000, 30, 'a');
    const ends = async (...files: readonly string[]) =>
      (await readRecording(files)).agents.map(({ name, events }) => [name, events.timeMs(1)]);
    assert.deepEqual(await ends(first, writeCast('b', 1010, 5, 'b')), [
      ['a', 30_000],
      ['b', 15_000],
    ]);
    assert.deepEqual(await ends(first, writeCast('c', 5000, 5, 'c'), first), [
      ['a', 30_000],
      ['c', 5000],
      ['a-2', 30_000],
    ]);
  });
});

describe('a replay that cannot be', () => {
  it('is told what cannot be meant, with what there is', async () => {
    await written;
    const out = join(folder, 'out.cast');
    const cast = join(folder, 'x.cast');
    writeFileSync(cast, '{"version":3,"term":{"cols":30,"rows":5}}\n');
    const usage: readonly (readonly [words: readonly string[], told: RegExp])[] = [
      [[all, '--solo', 'fix'], /--solo is for --show and --out/],
      [[all, all], /several files/],
      [[all, '--show', '--solo', 'nobody'], /--solo nobody: there are fix, log, test, plan/],
      [[all, '--show', '--solo', 'fix', '--mute', 'fix'], /leave nobody/],
      [[all, '--show', '--mute', 'fix,'], /names with commas/],
      [[all, '--show', '--from', '601'], /--from 601: the recording is 10:00 \(600\.0 s\) long/],
      [[all, '--show', '--loop'], /--loop is for channels/],
      [[all, '--show', '--size', '80x24'], /a terminal has its own/],
      [[all, '--show', '--json'], /--json is not for --show/],
      [[all, '--show', '--layout', 'rows'], /must be grid or focus or zoom/],
      [['door.mp4', '--show'], /one \.mcap or for \.cast files/],
      [[all, cast, '--show'], /one \.mcap or for \.cast files/],
      [[all, '--out', out], /say --layout, or --solo for one of fix, log, test, plan/],
      [[all, '--out', out, '--layout', 'grid', '--size', '5000x2'], /at most 1000 each/],
      [[all, '--out', out, '--solo', 'fix', '--size', '80x24'], /--size is for --layout/],
      [[all, '--out', 'out.mp4', '--layout', 'grid'], /must end in \.cast/],
      [[all, '--out', out, '--show'], /take one/],
      [[all, '--out', out, '--speed', 'max'], /waits for nothing/],
      [[cast, '--out', cast], /is what is read/],
    ];
    for (const [words, told] of usage) {
      const error = await refusal('replay', ...words);
      assert.ok(error instanceof UsageError, `${words.join(' ')}: ${error.stack}`);
      assert.match(error.message, told);
    }
    const record = await refusal('record', 'agent/*', 'all.mcap', '--layout', 'grid');
    assert.match(record.message, /--layout is for \.cast/);
  });

  it('is told what is wrong with a file', async () => {
    await written;
    const bad = join(folder, 'bad.mcap');
    const whole = readFileSync(all);
    const shows = async (file: string, told: RegExp): Promise<void> => {
      const error = await refusal('replay', file, '--show');
      assert.ok(error instanceof SluiceError, error.stack);
      assert.match(error.message, told);
    };
    const damaged = Buffer.from(whole);
    damaged[damaged.indexOf('fix goes on')] = 0;
    writeFileSync(bad, damaged);
    await shows(bad, /bad\.mcap is no MCAP file, or a damaged one/);
    writeFileSync(bad, 'garbage that is long enough to be looked at');
    await shows(bad, /bad\.mcap is no MCAP file/);
    writeFileSync(bad, whole);
    truncateSync(bad, 100);
    await shows(bad, /bad\.mcap has no agents: it has nothing/);
    rmSync(bad);
    await writeMcap(bad, [{ agent: 'log', atMs: 0, bytes: 'x' }], 'other/');
    await shows(bad, /bad\.mcap has no agents: it has other\/log/);
    await shows(join(folder, 'absent.mcap'), /cannot read .*absent\.mcap: ENOENT/);
    const wrong = join(folder, 'wrong.cast');
    writeFileSync(wrong, '{"version":3,"term":{"cols":30,"rows":5}}\n[1, "o", "x"]\n[2, "o"\n');
    await shows(wrong, /wrong\.cast, line 3 is no asciicast/);
  });

  it('is told that a disk is full', async () => {
    await written;
    const full = join(folder, 'full.cast');
    symlinkSync('/dev/full', full);
    const error = await refusal('replay', all, '--out', full, '--layout', 'zoom');
    assert.match(error.message, /no space left \(ENOSPC\)/);
  });
});
