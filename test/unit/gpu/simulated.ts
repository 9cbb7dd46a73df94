/** The simulated driver for the tests of this folder: each test file is a process of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { simulatedCuda, simulatedEnvironment } from '../../cuda-simulator/simulator.js';

const simulator = simulatedCuda();

/** Why tests cannot run, or false; for the option `skip`. Makes this process use the simulator. */
export const skip = 'skip' in simulator ? simulator.skip : false;
if ('path' in simulator) process.env['SLUICE_CUDA_LIBRARY'] = simulator.path;

/** What gpu-program.ts printed as JSON when it ran `scenario` in an environment of its own. */
export function runScenario(
  scenario: string,
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    /** It gets them as 3, 4, … */
    readonly inherit?: readonly number[];
    readonly values?: readonly string[];
    readonly nodeOptions?: readonly string[];
  } = {},
): unknown {
  const { environment, inherit = [], values = [], nodeOptions = [] } = options;
  const program = fileURLToPath(new URL('gpu-program.js', import.meta.url));
  const child = spawnSync(process.execPath, [...nodeOptions, program, scenario, ...values], {
    env: simulatedEnvironment(environment),
    stdio: ['ignore', 'pipe', 'inherit', ...inherit],
    encoding: 'utf8',
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  if (child.status !== 0 || child.signal !== null) {
    throw new Error(`${scenario} ended with ${child.status ?? child.signal}: ${child.stdout}`);
  }
  return JSON.parse(child.stdout);
}
