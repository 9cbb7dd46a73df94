import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DemoReport } from '../../src/demo/index.js';
import type { TextDemoReport } from '../../src/demo/text/index.js';
import { pause } from './agent-stage.js';
import { Desk } from './desk.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** Shorter than a person would want to watch: the play waits for its actors anyway. */
const SECONDS = '4';

describe('sluice demo', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-test-demo-'));
  after(() => rmSync(temporary, { recursive: true, force: true }));

  function demo(extra: NodeJS.ProcessEnv = {}): DemoReport {
    const env = { ...process.env, TMPDIR: temporary, ...extra };
    const run = spawnSync(process.execPath, [CLI, 'demo', '--seconds', SECONDS, '--json'], {
      env,
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
    return JSON.parse(run.stdout) as DemoReport;
  }

  function checkProof(report: DemoReport): void {
    assert.deepEqual(report.problems, []);
    assert.equal(report.passed, true);
    assert.equal(report.totals.torn, 0);
    assert.equal(report.totals.lost, 0);
    assert.equal(report.totals.bytesCopied, 0);
    assert.ok(report.totals.reconnects >= 3, 'each reader found the camera again');
    assert.deepEqual(report.killed, ['detector', 'camera']);
    for (const [role, reader] of Object.entries(report.readers)) {
      assert.ok(reader.frames > 0, `the ${role} read frames`);
    }
    assert.equal(report.readers['detector']?.lives, 2);
  }

  it('survives two kills on real footage, in place, untorn, and saves pictures', (t) => {
    if (spawnSync('ffmpeg', ['-version']).status !== 0) return t.skip('ffmpeg is not installed');
    const report = demo();
    checkProof(report);
    assert.match(report.source, /people\.mp4 decoded by ffmpeg/);
    assert.ok(report.snapshots >= 1);
    const [first = ''] = readdirSync(report.snapshotFolder);
    const png = readFileSync(join(report.snapshotFolder, first));
    assert.equal(png.toString('latin1', 1, 4), 'PNG');
  });

  it('shows a generated scene where there is no ffmpeg', () => {
    const report = demo({ PATH: '' });
    checkProof(report);
    assert.match(report.source, /generated/);
  });

  it('leaves no runtime directory behind', () => {
    const left = readdirSync(temporary).filter((name) => name.startsWith('sluice-run-'));
    assert.deepEqual(left, []);
    assert.ok(existsSync(temporary));
  });
});

describe('sluice demo text', () => {
  const run = (...words: readonly string[]) =>
    spawnSync(process.execPath, [CLI, 'demo', 'text', ...words], { encoding: 'utf8' });

  it('reads every line of every agent as it was said', () => {
    const { status, stdout, stderr } = run(
      '--seconds',
      '2',
      '--agents',
      '4',
      '--slots',
      '16',
      '--json',
    );
    assert.equal(status, 0, stderr);
    const { agents, died, linesSaid, linesRead, linesWrong, linesLost } = JSON.parse(
      stdout,
    ) as TextDemoReport;
    assert.deepEqual([agents, died, linesWrong, linesLost], [4, [], 0, 0]);
    assert.equal(linesRead, linesSaid);
    assert.ok(linesSaid > 0);
  });

  it('says who died in the middle, and reads the others whole', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-test-demo-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const words = ['demo', 'text', '--agents', '3', '--seconds', '600'];
    const size = { columns: 100, rows: 40 };
    const desk = await Desk.open(t, { words, size, environment: { TMPDIR: directory } });
    await desk.shows(/review[^]*\[3\][^]*tests/);
    const { pid } = desk.process;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
    const victim = children.find((child) =>
      readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('agent/review'),
    );
    process.kill(Number(victim), 'SIGKILL');
    await desk.shows(/review[^\n]*died: SIGKILL/);
    desk.type('\u0007d');
    assert.equal((await desk.process.ended).exitCode, 1);
    assert.equal(desk.isSane, true);
    assert.match(desk.text, /review died in the middle of the play, after \d+ lines: SIGKILL/);
    const [, said, read] =
      /said (\d+) lines in [\d.]+ s: (\d+) read, 0 wrong, 0 lost/.exec(desk.text) ?? [];
    assert.ok(Number(said) > 0);
    assert.equal(read, said);
  });

  it('leaves nothing behind when it is told to end before it begins, or cannot', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-test-demo-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const env = { ...process.env, TMPDIR: directory };
    const words = ['demo', 'text', '--agents', '50', '--seconds', '600', '--json'];
    const child = spawn(process.execPath, [CLI, ...words], { env, stdio: 'ignore' });
    while (readdirSync(directory).length === 0) await pause();
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 130);
    assert.deepEqual(readdirSync(directory), []);
    // Descriptors for a few of its agents.
    const few = `ulimit -n 64; exec "$0" "$@"`;
    const { status, stderr } = spawnSync('sh', ['-c', few, process.execPath, CLI, ...words], {
      env,
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /EMFILE/);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('says what cannot be played', () => {
    for (const [words, why] of [
      [['--slots', '100'], /power of two/],
      [['--agents', '51'], /at most 50/],
      [['--clip', 'x.mp4'], /--clip is for demo video/],
    ] as const) {
      const { status, stderr } = run(...words);
      assert.equal(status, 2);
      assert.match(stderr, why);
    }
  });
});
