/** `sluice up [file]`: runs what a file says in one process, and what it says when it has changed. */
import type { Command } from 'commander';
import { printable, SluiceError } from '../../core/index.js';
import {
  ConfigFile,
  configJsonSchema,
  describeProblem,
  type ConfigResult,
  type Plan,
  Supervisor,
  withServices,
} from '../../video/up/index.js';
import { addHealthOptions, type HealthOptions, healthServices } from '../health-options.js';
import { tellPart } from '../part-events.js';
import { addEndOptions, packageVersion, type Start } from '../program.js';
import type { CommonOptions, Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { plural } from '../units.js';

interface UpOptions extends CommonOptions, HealthOptions {
  readonly check?: boolean;
  readonly schema?: boolean;
}

export const EXAMPLES = [
  'sluice up sluice.yaml',
  'sluice up sluice.yaml --check',
  'sluice up --metrics 9464',
  "sluice up --mqtt 'mqtt://${BROKER}@10.0.0.2'",
  'sluice up --schema',
];

/** How often a run with --json says how everything is. */
const REPORT_EVERY_MS = 1000;

export function configure(command: Command, start: Start): void {
  command
    .argument('[file]', 'YAML; read again when it changes and at SIGHUP', 'sluice.yaml')
    .option('--check', 'only say whether the file is right')
    .option('--schema', 'only print the JSON Schema of the file, for editors');
  addHealthOptions(command);
  addEndOptions(command);
  command.action((file: string, options: UpOptions) =>
    start(options, (run) => up(run, file, options)),
  );
}

async function up(run: Run, path: string, options: UpOptions): Promise<void> {
  if (options.schema === true) {
    run.print(JSON.stringify(configJsonSchema(), undefined, 2));
    return;
  }
  const services = healthServices(options, process.env);
  const { dir } = options;
  const file = new ConfigFile(path, process.env);
  const plan = planOf(run, path, await file.read());
  const all = withServices(plan, services);
  if (options.check === true) return tellRight(run, path, all);
  const supervisor = new Supervisor({
    directory: dir,
    version: packageVersion(),
    onEvent: (event) => tellPart(run, event),
  });
  const report = run.json ? reporting(run, supervisor) : undefined;
  try {
    await supervisor.apply(all);
    tellRunning(run, path, all);
    await follow(run, file, async (next) => {
      const change = await supervisor.apply(withServices(next, services));
      if (run.json) run.print(safeJson({ event: 'plan', path, ...change }));
      const { started, stopped, kept } = change;
      run.note(`${shown(path)} has changed: ${stopped} stopped, ${started} started, ${kept} kept`);
    });
  } finally {
    clearInterval(report);
    await supervisor.close();
  }
}

/** Reads the file again until the run ends; what is wrong with it is said, and what runs goes on. */
async function follow(
  run: Run,
  file: ConfigFile,
  apply: (plan: Plan) => Promise<void>,
): Promise<void> {
  let hungUp = new AbortController();
  run.onHangup(() => hungUp.abort());
  while (!run.ended) {
    await file.changed(AbortSignal.any([run.signal, hungUp.signal]));
    if (run.ended) return;
    if (hungUp.signal.aborted) hungUp = new AbortController();
    try {
      await apply(planOf(run, file.path, await file.read()));
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      const { code, message } = error;
      if (run.json) run.print(safeJson({ event: 'refused', path: file.path, code, message }));
      run.note(`${printable(message, 1000)}; what runs goes on as before`);
    }
  }
}

/** Throws `CONFIG_INVALID` after every mistake has been said. */
function planOf(run: Run, path: string, { plan, problems }: ConfigResult): Plan {
  if (plan !== undefined) return plan;
  for (const problem of problems) {
    if (run.json) run.print(safeJson({ event: 'problem', path, ...problem }));
    else run.note(describeProblem(path, problem));
  }
  const found = `${shown(path)} has ${plural(problems.length, 'mistake')}`;
  const isSilent = run.json || run.options.quiet === true;
  const first = isSilent && problems[0] ? `, first ${describeProblem(path, problems[0])}` : '';
  throw new SluiceError('CONFIG_INVALID', found + first, { details: { path, problems } });
}

function tellRight(run: Run, path: string, plan: Plan): void {
  if (run.json) run.print(safeJson({ event: 'right', path, ...countsOf(plan) }));
  else run.print(`${shown(path)} is right: ${describePlan(plan)}`);
}

function tellRunning(run: Run, path: string, plan: Plan): void {
  if (run.json) run.print(safeJson({ event: 'up', path, ...countsOf(plan) }));
  else run.note(`running ${shown(path)}: ${describePlan(plan)}; Ctrl-C ends it`);
}

function countsOf({ parts }: Plan): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { spec } of parts) counts[spec.kind] = (counts[spec.kind] ?? 0) + 1;
  return counts;
}

function describePlan(plan: Plan): string {
  const counts = Object.entries(countsOf(plan));
  const isService = (kind: string): boolean => kind === 'metrics' || kind === 'mqtt';
  const words = counts.map(([kind, count]) => (isService(kind) ? kind : plural(count, kind)));
  return words.length === 0 ? 'nothing' : words.join(', ');
}

function reporting(run: Run, supervisor: Supervisor): NodeJS.Timeout {
  const report = (): void => run.print(safeJson({ event: 'health', ...supervisor.health() }));
  return setInterval(report, REPORT_EVERY_MS);
}

function shown(path: string): string {
  return printable(path, 200);
}
