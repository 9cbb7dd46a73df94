/**
 * Many agents at once, in a real session: what its host costs, and whether every byte is in the logs.
 *
 *     node dist/test/process/agents-load.js --agents 50 --lines 1000 --seconds 10
 *     node dist/test/process/agents-load.js --agents 20 --lines 0 --seconds 20
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { AgentStage } from './agent-stage.js';

export interface LoadOutcome {
  readonly agents: number;
  readonly linesPerSecond: number;
  readonly seconds: number;
  readonly bytesExpected: number;
  /** Agents whose log is not what they wrote. */
  readonly wrong: readonly string[];
  /** Of one core, while they ran. */
  readonly hostCpuPercent: number;
  readonly hostMiB: number;
}

/** Lines of 64 bytes, a tenth of them each tenth of a second; then it stays, silent. */
const WRITER = `
import sys, time
lines, seconds = int(sys.argv[1]), float(sys.argv[2])
start = time.monotonic()
if lines:
    for step in range(int(seconds * 10)):
        first = step * lines // 10
        last = (step + 1) * lines // 10
        sys.stdout.write("".join("%08d %s\\n" % (n, "x" * 54) for n in range(first, last)))
        sys.stdout.flush()
        rest = start + (step + 1) / 10 - time.monotonic()
        if rest > 0:
            time.sleep(rest)
print("over", flush=True)
time.sleep(1000)
`;
const LINE_BYTES = 65;
const END = 'over\r\n';

export async function runLoad(
  agents: number,
  lines: number,
  seconds: number,
): Promise<LoadOutcome> {
  const stage = new AgentStage();
  try {
    const command = ['python3', '-c', WRITER, String(lines), String(seconds)];
    const names = Array.from({ length: agents }, (_, at) => `a${at}`);
    const words = names.flatMap((_, at) => (at === 0 ? command : ['---', ...command]));
    await stage.agents('new', ...names.flatMap((name) => ['--name', name]), '--', ...words);
    const { pid } = await stage.host();
    const before = cpuMs(pid);
    const startedMs = performance.now();
    if (lines === 0) await sleep(seconds * 1000);
    const total = Math.floor(seconds * 10) * Math.floor(lines / 10);
    const expected = total * LINE_BYTES + END.length;
    while (!(await stage.infos()).every(({ log }) => log.sequence >= expected)) await sleep(500);
    const elapsedMs = performance.now() - startedMs;
    const usedMs = cpuMs(pid) - before;
    const hostMiB =
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
    await stage.agents('stop', '--all', '--kill-after', '1');
    const wrong = names.filter((name) => !isWhole(stage.logBytes(name), total));
    return {
      agents,
      linesPerSecond: lines,
      seconds,
      bytesExpected: expected * agents,
      wrong,
      hostCpuPercent: Math.round((usedMs / elapsedMs) * 1000) / 10,
      hostMiB: Math.round(hostMiB),
    };
  } finally {
    await stage.close();
  }
}

function isWhole(log: Buffer, total: number): boolean {
  const filler = 'x'.repeat(54);
  const lines = Array.from(
    { length: total },
    (_, at) => `${String(at).padStart(8, '0')} ${filler}\r\n`,
  );
  return log.equals(Buffer.from(`${lines.join('')}${END}`));
}

/** User and system time, of clock ticks of 10 ms (proc_pid_stat(5)). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      agents: { type: 'string', default: '50' },
      lines: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '10' },
    },
  });
  const outcome = await runLoad(
    Number(values.agents),
    Number(values.lines),
    Number(values.seconds),
  );
  process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
  process.exitCode = outcome.wrong.length === 0 ? 0 : 1;
}
