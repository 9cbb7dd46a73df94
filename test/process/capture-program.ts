/** Runs a program with a user at its keys and keeps what it wrote, piece by piece as it came. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findProgram, PtyProcess } from '../../src/terminal/pty/index.js';
import { AgentScreen } from '../../src/terminal/screen/index.js';
import {
  type Capture,
  type CaptureEvent,
  endsBetween,
  outputOf,
} from '../fuzz/terminal/captures.js';
import type { CapturedProgram, UserStep } from './captured-programs.js';

const SIZE = { columns: 80, rows: 24 };
/** Who waits for nothing in particular types when the screen was not changed for so long, or after a while. */
const QUIET_MS = 200;
const RESTLESS_MS = 1000;
/** A program that never shows what was waited for gets the next keys all the same, and ends some time. */
const PATIENCE_MS = 5000;
const MAX_PROGRAM_MS = 30_000;

/** What of the program is not there. */
export function missing({ needs }: CapturedProgram): string | undefined {
  return needs.find((name) => findProgram(name, '/', process.env['PATH'] ?? '') === undefined);
}

/** Sends 60 KB in small pieces, so that a client has progress to show. */
async function slowServer(): Promise<Server> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': 60_000 });
    let left = 20;
    const timer = setInterval(() => {
      response.write(Buffer.alloc(3000, 'x'));
      left -= 1;
      if (left > 0) return;
      clearInterval(timer);
      response.end();
    }, 60);
    response.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function makeFiles(directory: string, { files = {}, prepare }: CapturedProgram, env: Environment) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  if (prepare !== undefined) {
    execFileSync('sh', ['-c', prepare], { cwd: directory, env, stdio: 'pipe' });
  }
}

type Environment = Readonly<Record<string, string>>;

/** `wrapper`: a command that runs the program, so that others see nothing of this machine. */
export async function captureProgram(
  program: CapturedProgram,
  wrapper: readonly string[] = [],
): Promise<Capture> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-capture-'));
  const server = await slowServer();
  const { port } = server.address() as AddressInfo;
  const environment = {
    PATH: [process.env['PATH'], '/usr/games', '/usr/sbin'].join(delimiter),
    HOME: directory,
    TERM: 'xterm-256color',
    LANG: 'C.UTF-8',
    SERVER: `http://127.0.0.1:${port}/file`,
  };
  try {
    makeFiles(directory, program, environment);
    const command = [...wrapper, 'sh', '-c', program.command];
    return {
      name: program.name,
      ...SIZE,
      events: await play(program, command, directory, environment),
    };
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function play(
  { steps }: CapturedProgram,
  command: readonly string[],
  directory: string,
  environment: Environment,
): Promise<CaptureEvent[]> {
  const events: CaptureEvent[] = [];
  let changedMs = performance.now();
  const screen = new AgentScreen({
    ...SIZE,
    onAnswer: (text) => running.write(Buffer.from(text)),
  });
  const running = await PtyProcess.start(
    { command, directory, environment, size: SIZE },
    {
      onOutput(bytes) {
        events.push({ type: 'output', bytes: bytes.slice() });
        screen.write(bytes);
        changedMs = performance.now();
      },
    },
  );
  let over = false;
  void running.ended.then(() => (over = true));
  for (const step of steps) {
    const startMs = performance.now();
    changedMs = Math.max(changedMs, startMs);
    while (
      !over &&
      !isTime(step, screen, performance.now() - startMs, performance.now() - changedMs)
    ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (step.size !== undefined) {
      // In the middle of a sequence nobody could ask tmux whether it has come so far.
      while (!over && !endsBetween(outputOf(events)))
        await new Promise((resolve) => setTimeout(resolve, 10));
      events.push({ type: 'size', ...step.size });
      screen.resize(step.size.columns, step.size.rows);
      running.resize(step.size);
    }
    if (step.keys !== undefined) running.write(Buffer.from(step.keys));
  }
  const { pid } = running;
  const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), MAX_PROGRAM_MS);
  const { signal } = await running.ended;
  clearTimeout(timer);
  screen.close();
  if (signal !== undefined) throw new Error(`${command.join(' ')} did not end: ${signal}`);
  return events;
}

function isTime(
  { shows }: UserStep,
  screen: AgentScreen,
  waitedMs: number,
  quietMs: number,
): boolean {
  if (shows === undefined) return quietMs > QUIET_MS || waitedMs > RESTLESS_MS;
  if (waitedMs > PATIENCE_MS) return true;
  const lines = Array.from(
    { length: screen.rows },
    (_, row) => screen.lineText(screen.historyLines + row).text,
  );
  return shows.test(lines.join('\n'));
}
