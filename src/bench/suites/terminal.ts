/** Programs in terminals: how much output of one becomes frames, beside a terminal alone and tmux. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Suite } from '../measurement.js';
import { logOf } from '../programs-terminal/log-text.js';
import type { SenderGiven, SenderTask } from '../programs-terminal/stream-sender.js';
import type { ViewerGiven, ViewerResult, ViewerTask } from '../programs-terminal/stream-viewer.js';
import { Findings, type Subject } from './findings.js';

const SUITE = 'terminal';
const MB = 1e6;
const BOUND_MBS = 40;
/** A command that has not printed its file by then does not. */
const PATIENCE_MS = 60_000;

const STREAM = 'output of one program, ASCII, ring to composed frames';
const CORES = 'output of one program, processor for each 100 MB';

const subjects: readonly Subject[] = [
  { task: STREAM, subject: 'sluice', unit: 'MB/s', better: 'higher', note: 'one core' },
  { task: STREAM, subject: 'cat alone', unit: 'MB/s', better: 'higher', note: 'nothing looks' },
  { task: STREAM, subject: 'cat in tmux', unit: 'MB/s', better: 'higher' },
  { task: CORES, subject: 'sluice', unit: 's', better: 'lower' },
];

export const terminal: Suite = {
  name: SUITE,
  description: 'programs in terminals of their own, shown in one, beside a terminal alone and tmux',
  targets: [
    {
      ...{ suite: SUITE, task: STREAM, subject: 'sluice', text: `≥ ${BOUND_MBS} MB/s` },
      ...{ bound: BOUND_MBS, better: 'higher' },
    },
  ],
  run,
};

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const findings = new Findings(SUITE, subjects, context);
  const folder = mkdtempSync(join(context.directory, 'terminal-'));
  try {
    await stream(context, findings);
    for (const [subject, command] of [
      ['cat alone', catAlone],
      ['cat in tmux', catInTmux],
    ] as const) {
      await beside(context, findings, subject, (file) => command(folder, file));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return findings.measurements();
}

async function stream(context: BenchContext, findings: Findings): Promise<void> {
  const { directory, quick, rounds } = context;
  const totalBytes = (quick ? 4 : 128) * 2 ** 20;
  const given = { directory, channel: 'agent/bench' };
  const size = { columns: 200, rows: 60 };
  const sender = new ChildProgram(program('stream-sender'), given satisfies SenderGiven);
  const children = [sender];
  try {
    await sender.next();
    const viewer = new ChildProgram(program('stream-viewer'), {
      ...given,
      ...size,
    } satisfies ViewerGiven);
    children.push(viewer);
    await viewer.next();
    // The first time is for the compiler.
    for (let round = -1; round < rounds; round += 1) {
      await viewer.tell({ totalBytes } satisfies ViewerTask);
      await sender.tell({ totalBytes } satisfies SenderTask);
      const { elapsedMs, cpuMs } = await viewer.next<ViewerResult>();
      await sender.next();
      if (round < 0) continue;
      findings.add(STREAM, 'sluice', totalBytes / MB / (elapsedMs / 1000));
      findings.add(CORES, 'sluice', cpuMs / 1000 / (totalBytes / MB / 100));
    }
  } catch (error) {
    findings.fail([STREAM, CORES], error, 'sluice');
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

const program = (name: string): URL => new URL(`../programs-terminal/${name}.js`, import.meta.url);

/** Bytes a second of a command that prints a file to a terminal whose other end is read and thrown away. */
async function beside(
  { quick, rounds, directory }: BenchContext,
  findings: Findings,
  subject: string,
  command: (file: string) => readonly string[],
): Promise<void> {
  const file = join(directory, 'log.txt');
  const byteLength = (quick ? 2 : 64) * 2 ** 20;
  try {
    const piece = logOf(1 << 20);
    writeFileSync(file, Buffer.concat(Array<Uint8Array>(byteLength >> 20).fill(piece)));
    for (let round = 0; round < rounds; round += 1) {
      const startMs = performance.now();
      await inTerminal(command(file));
      findings.add(STREAM, subject, byteLength / MB / ((performance.now() - startMs) / 1000));
    }
  } catch (error) {
    findings.fail([STREAM], error, subject);
  }
}

/** script(1) gives a program a terminal and copies what it prints. */
async function inTerminal(command: readonly string[]): Promise<void> {
  const words = ['-q', '-e', '-c', command.join(' '), '/dev/null'];
  const env = { ...process.env, TERM: 'xterm-256color' };
  const child = spawn('script', words, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdout.resume();
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  if (code !== 0) throw new Error(`script(1) ended with ${String(code)}`);
}

const catAlone = (_folder: string, file: string): readonly string[] => ['cat', file];

/** A server of its own, with nothing of the user's, that ends with the program. */
function catInTmux(folder: string, file: string): readonly string[] {
  if (spawnSync('tmux', ['-V']).status !== 0) throw new Error('no tmux');
  return ['tmux', '-f', '/dev/null', '-S', join(folder, 'tmux'), 'new-session', `'cat ${file}'`];
}
