/** How much output of one program becomes frames, beside terminals in which nothing looks at it, and tmux. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Target } from '../measurement.js';
import { logOf } from '../programs-terminal/log-text.js';
import type { SenderGiven, SenderTask } from '../programs-terminal/stream-sender.js';
import type { ViewerGiven, ViewerResult, ViewerTask } from '../programs-terminal/stream-viewer.js';
import { tmuxWords } from '../programs-terminal/tmux-server.js';
import { TERMINAL_SIZE } from '../programs-terminal/watched-terminal.js';
import type { Findings, Subject } from './findings.js';
import { inFolder, terminalProgram } from './terminal-processes.js';

const MB = 1e6;
const BOUND_MBS = 40;
/** A command that has not printed its file by then does not. */
const PATIENCE_MS = 60_000;
/** Programs that write into one terminal at once. */
const INTERLEAVED = 4;

const STREAM = 'output of one program, ASCII, ring to composed frames';
const CORES = 'output of one program, processor for each 100 MB';

export const streamSubjects: readonly Subject[] = [
  { task: STREAM, subject: 'sluice', unit: 'MB/s', better: 'higher', note: 'one core' },
  { task: STREAM, subject: 'cat alone', unit: 'MB/s', better: 'higher', note: 'nothing looks' },
  { task: STREAM, subject: 'cat in tmux', unit: 'MB/s', better: 'higher' },
  {
    ...{ task: STREAM, subject: 'raw interleaving', unit: 'MB/s', better: 'higher' },
    note: `${INTERLEAVED} programs in one terminal, no screens: lines torn`,
  },
  { task: CORES, subject: 'sluice', unit: 's', better: 'lower' },
];

export const streamTarget: Omit<Target, 'suite'> = {
  ...{ task: STREAM, subject: 'sluice', text: `≥ ${BOUND_MBS} MB/s` },
  ...{ bound: BOUND_MBS, better: 'higher' },
};

export async function measureStream(context: BenchContext, findings: Findings): Promise<void> {
  await stream(context, findings);
  await inFolder(context.directory, async (folder) => {
    const byteLength = (context.quick ? 2 : 64) * 2 ** 20;
    const file = join(folder, 'log.txt');
    const piece = logOf(1 << 20);
    writeFileSync(file, Buffer.concat(Array<Uint8Array>(byteLength >> 20).fill(piece)));
    const times = { ...context, byteLength };
    await beside(times, findings, 'cat alone', () => `cat ${file}`);
    await beside(times, findings, 'cat in tmux', () => {
      return [...tmuxWords(folder), 'new-session', `'cat ${file}'`].join(' ');
    });
    const all = Array<string>(INTERLEAVED).fill(`cat ${file} &`).join(' ');
    const sum = { ...times, byteLength: byteLength * INTERLEAVED };
    await beside(sum, findings, 'raw interleaving', () => `${all} wait`);
  });
}

async function stream(context: BenchContext, findings: Findings): Promise<void> {
  const { directory, quick, rounds } = context;
  const totalBytes = (quick ? 4 : 128) * 2 ** 20;
  const given = { directory, channel: 'agent/bench' };
  const sender = new ChildProgram(terminalProgram('stream-sender'), given satisfies SenderGiven);
  const children = [sender];
  try {
    await sender.next();
    const viewer = new ChildProgram(terminalProgram('stream-viewer'), {
      ...given,
      ...TERMINAL_SIZE,
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

/** Bytes a second of a command that prints to a terminal whose other end is read and thrown away. */
async function beside(
  { rounds, byteLength }: { readonly rounds: number; readonly byteLength: number },
  findings: Findings,
  subject: string,
  command: () => string,
): Promise<void> {
  try {
    for (let round = 0; round < rounds; round += 1) {
      const startMs = performance.now();
      await inTerminal(command());
      findings.add(STREAM, subject, byteLength / MB / ((performance.now() - startMs) / 1000));
    }
  } catch (error) {
    findings.fail([STREAM], error, subject);
  }
}

/** script(1) gives a program a terminal and copies what it prints. */
async function inTerminal(command: string): Promise<void> {
  const words = ['-q', '-e', '-c', command, '/dev/null'];
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
