/** Has the GPUs probed by a child process, which may hang or crash. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { printable } from '../../core/index.js';
import type { DeviceFacts, GpuFacts, ProbeLine } from './gpu-facts.js';

/** One step; the slowest is to start a driver that nobody else uses, with many GPUs. */
const STEP_PATIENCE_MS = 20_000;

const PROGRAM = fileURLToPath(new URL('gpu-probe-program.js', import.meta.url));

const MAX_WORDS = 300;

export interface ProbeOptions {
  /** How long one step may take. */
  readonly patienceMs?: number;
  readonly environment?: NodeJS.ProcessEnv;
  /** Ends the probing. */
  readonly signal?: AbortSignal;
}

/** Never rejects: a probing that was cut short says so in `stopped`. */
export async function probeGpus(options: ProbeOptions = {}): Promise<GpuFacts> {
  const { patienceMs = STEP_PATIENCE_MS, environment = process.env, signal } = options;
  const child = spawn(process.execPath, [PROGRAM], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  // Its driver may hang at its exit, too. All has been said by then. Without a pid it would be this process's own group.
  const kill = (): void => void (child.pid !== undefined && child.kill('SIGKILL'));
  signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);

  let step = 'start';
  let words = '';
  let isDone = false;
  let isLate = false;
  let failure: string | undefined;
  let facts: Partial<GpuFacts> = {};
  const devices: DeviceFacts[] = [];
  const late = (): void => {
    isLate = true;
    kill();
  };
  let timer = setTimeout(late, patienceMs);
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (words = (words + text).slice(-MAX_WORDS)));
  createInterface({ input: child.stdio[3] as Readable }).on('line', (text) => {
    const line = JSON.parse(text) as ProbeLine;
    clearTimeout(timer);
    timer = setTimeout(late, patienceMs);
    if ('step' in line) step = line.step;
    else if ('facts' in line) facts = { ...facts, ...line.facts };
    else if ('device' in line) devices.push(line.device);
    else if ('failed' in line) failure = line.failed;
    else {
      isDone = true;
      kill();
    }
  });
  const ending = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`could not be started: ${error.message}`));
    child.on('close', (code, name) => resolve(`ended with ${name ?? `exit code ${code}`}`));
  });
  clearTimeout(timer);
  process.off('exit', kill);
  signal?.removeEventListener('abort', kill);
  const found = { devices, peers: [], ...facts };
  if (failure !== undefined) return { ...found, stopped: { step, how: failure } };
  if (isDone) return found;
  const how = isLate ? `did not come back within ${patienceMs / 1000} s` : ending;
  const last = printable(words.trim().split('\n').at(-1) ?? '', MAX_WORDS);
  return { ...found, stopped: { step, how: last === '' ? how : `${how}: ${last}` } };
}
