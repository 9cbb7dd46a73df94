import { spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isSluiceError, printable, SluiceError } from '../../core/index.js';
import type { RuntimeDirectory } from '../../bus/index.js';
import { ControlClient } from './control-client.js';
import type { HostProgramInput } from './host-program.js';
import { assertAgentName } from './session-paths.js';
import { HOST_MARK } from './watchdog.js';

export interface LaunchOptions {
  readonly session: string;
  readonly directory: RuntimeDirectory;
  readonly stateDirectory: string;
}

const PROGRAM = fileURLToPath(new URL('./host-program.js', import.meta.url));
/** Its log begins anew beyond this. */
const MAX_HOST_LOG_BYTES = 1 << 20;
const START_TIMEOUT_MS = 20_000;
/** An old host of the session takes its time to end: its agents are asked first. */
const PATIENCE_MS = 20_000;
const RETRY_MS = 200;

/** Where the host of a session writes what went wrong; no agent can be called so. */
export function hostLogPath(stateDirectory: string, session: string): string {
  return join(stateDirectory, session, '_host.log');
}

/** A connection to the session's host, which is started when there is none. Throws `TypeError` for a bad name. */
export async function connectOrLaunch(options: LaunchOptions): Promise<ControlClient> {
  const { session, directory } = options;
  assertAgentName('the name of a session', session);
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (let isOurs = true; ; isOurs = await launch(options)) {
    // Another host was faster; or it is the one before, which takes nobody any more and still ends its agents.
    if (!isOurs) await sleep(RETRY_MS);
    try {
      return ControlClient.connect(directory, session);
    } catch (error) {
      const isThere = !isSluiceError(error, 'SESSION_NOT_FOUND');
      if (isThere || performance.now() > deadlineMs) throw error;
    }
  }
}

/** Resolves when the host is ready. False: another one has the session. */
async function launch(options: LaunchOptions): Promise<boolean> {
  const { session, directory, stateDirectory } = options;
  directory.ensure();
  const log = hostLogPath(stateDirectory, session);
  mkdirSync(join(stateDirectory, session), { recursive: true, mode: 0o700 });
  const output = openLog(log);
  const input: HostProgramInput = { session, directory: directory.path, stateDirectory };
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(input)], {
    cwd: '/',
    detached: true,
    env: hostEnvironment(),
    stdio: ['ignore', output, output, 'pipe'],
  });
  closeSync(output);
  child.unref();
  const line = await firstLine(child.stdio[3] as Readable);
  const said = parsed(line);
  if (said.pid !== undefined) return true;
  if (said.code === 'CHANNEL_IN_USE') return false;
  const why = said.message ?? 'it ended without a word';
  throw new SluiceError(
    'SYSTEM',
    `the host of the session ${session} could not start: ${printable(why, 500)}`,
    {
      details: { session, log },
      remedy: `See ${log}.`,
    },
  );
}

function openLog(path: string): number {
  const { O_WRONLY, O_CREAT, O_APPEND, O_TRUNC, O_NOFOLLOW } = constants;
  const isLong = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_HOST_LOG_BYTES;
  const flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | (isLong ? O_TRUNC : 0);
  return openSync(path, flags, 0o600);
}

/** Not an agent's: a host that is started by an agent of another session is none of that one's. */
function hostEnvironment(): NodeJS.ProcessEnv {
  const agents = ['SLUICE_AGENTS', 'SLUICE_CHANNEL', HOST_MARK];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !agents.includes(name)));
}

async function firstLine(stream: Readable): Promise<string> {
  let text = '';
  const timer = setTimeout(() => stream.destroy(), START_TIMEOUT_MS);
  try {
    for await (const piece of stream) {
      text += String(piece);
      if (text.includes('\n')) break;
    }
  } catch {
    // It took too long, or closed the pipe: what it said is looked at.
  } finally {
    clearTimeout(timer);
  }
  return text;
}

function parsed(line: string): { pid?: unknown; code?: unknown; message?: string } {
  try {
    return JSON.parse(line) as { pid?: unknown; code?: unknown; message?: string };
  } catch {
    return {};
  }
}
