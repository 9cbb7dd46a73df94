/**
 * The process that hosts a session: `host-program.js JSON`, started by `host-launch.ts` in a session of the kernel of
 * its own, with its log as standard output and error, and a pipe as descriptor 3 on which it says once that it is ready,
 * or why it is not.
 */
import { closeSync, writeSync } from 'node:fs';
import { SluiceError } from '../../core/index.js';
import { resolveRuntimeDirectory } from '../../bus/index.js';
import { SessionHost } from './session-host.js';

export interface HostProgramInput {
  readonly session: string;
  readonly directory: string;
  readonly stateDirectory: string;
}

const READY_DESCRIPTOR = 3;

function notice(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}

function say(line: object): void {
  writeSync(READY_DESCRIPTOR, `${JSON.stringify(line)}\n`);
  closeSync(READY_DESCRIPTOR);
}

async function main(): Promise<void> {
  const { session, directory, stateDirectory } = JSON.parse(
    process.argv[2] ?? '{}',
  ) as HostProgramInput;
  process.title = `sluice agents ${session}`;
  let host: SessionHost;
  try {
    host = new SessionHost({
      session,
      directory: resolveRuntimeDirectory(directory),
      stateDirectory,
      onNotice: notice,
    });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    say({ code: error.code, message: error.message });
    process.exitCode = 1;
    return;
  }
  // The terminal that it was started from may go: nothing here is its.
  process.on('SIGHUP', () => undefined);
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => void host.close());
  notice(`session ${session} begins, process ${process.pid}`);
  say({ pid: process.pid });
  await host.closed;
  notice(`session ${session} has ended`);
  process.exit(0);
}

await main();
