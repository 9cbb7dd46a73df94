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
  {
    task: STREAM,
    subject: 'sluice',
    unit: 'MB/s',
    better: 'higher',
    note: 'one core, no terminal',
  },
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
  await inFolder(context.directory, async (folder) => {
    const programs = await startStream(context).catch((error: unknown) => {
      findings.fail([STREAM, CORES], error, 'sluice');
      return undefined;
    });
    const commands = writeCommands(folder, context);
    try {
      for (let round = 0; round < context.rounds; round += 1) {
        if (programs !== undefined) await stream(context, findings, programs);
        for (const command of commands) await print(command, findings);
      }
    } finally {
      await programs?.sender.stop();
      await programs?.viewer.stop();
    }
  });
}

interface StreamPrograms {
  readonly sender: ChildProgram;
  readonly viewer: ChildProgram;
}

async function startStream(context: BenchContext): Promise<StreamPrograms> {
  const given = { directory: context.directory, channel: 'agent/bench' };
  const sender = new ChildProgram(terminalProgram('stream-sender'), given satisfies SenderGiven);
  const viewer = new ChildProgram(terminalProgram('stream-viewer'), {
    ...given,
    ...TERMINAL_SIZE,
  } satisfies ViewerGiven);
  try {
    await Promise.all([sender.next(), viewer.next()]);
    // The first time is for the compiler.
    await sendOnce({ sender, viewer }, bytesOf(context));
    return { sender, viewer };
  } catch (error) {
    await Promise.all([sender.stop(), viewer.stop()]);
    throw error;
  }
}

const bytesOf = ({ quick }: BenchContext): number => (quick ? 2 : 128) * 2 ** 20;

async function sendOnce(
  { sender, viewer }: StreamPrograms,
  totalBytes: number,
): Promise<ViewerResult> {
  await viewer.tell({ totalBytes } satisfies ViewerTask);
  await sender.tell({ totalBytes } satisfies SenderTask);
  const result = await viewer.next<ViewerResult>();
  await sender.next();
  return result;
}

async function stream(
  context: BenchContext,
  findings: Findings,
  programs: StreamPrograms,
): Promise<void> {
  if (!findings.isOpen(STREAM, 'sluice')) return;
  const megabytes = bytesOf(context) / MB;
  try {
    const { elapsedMs, cpuMs } = await sendOnce(programs, bytesOf(context));
    findings.add(STREAM, 'sluice', megabytes / (elapsedMs / 1000));
    findings.add(CORES, 'sluice', cpuMs / 1000 / (megabytes / 100));
  } catch (error) {
    findings.fail([STREAM, CORES], error, 'sluice');
  }
}

/** A command that prints so many bytes to its terminal, whose other end is read and thrown away. */
interface Printing {
  readonly subject: string;
  readonly byteLength: number;
  command(): string;
}

function writeCommands(folder: string, { quick }: BenchContext): readonly Printing[] {
  const byteLength = (quick ? 2 : 64) * 2 ** 20;
  const file = join(folder, 'log.txt');
  const piece = logOf(1 << 20);
  writeFileSync(file, Buffer.concat(Array<Uint8Array>(byteLength >> 20).fill(piece)));
  const inTmux = (): string => [...tmuxWords(folder), 'new-session', `'cat ${file}'`].join(' ');
  const atOnce = Array<string>(INTERLEAVED).fill(`cat ${file} &`).join(' ');
  return [
    { subject: 'cat alone', byteLength, command: () => `cat ${file}` },
    { subject: 'cat in tmux', byteLength, command: inTmux },
    {
      subject: 'raw interleaving',
      byteLength: byteLength * INTERLEAVED,
      command: () => `${atOnce} wait`,
    },
  ];
}

async function print(
  { subject, byteLength, command }: Printing,
  findings: Findings,
): Promise<void> {
  if (!findings.isOpen(STREAM, subject)) return;
  try {
    const startMs = performance.now();
    await inTerminal(command());
    findings.add(STREAM, subject, byteLength / MB / ((performance.now() - startMs) / 1000));
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
