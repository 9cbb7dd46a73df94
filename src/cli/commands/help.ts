/** `sluice help [topic]`: the commands, one of them, or what the code of an error means. */
import type { Command } from 'commander';
import { ERROR_TABLE, type ErrorEntry } from '../../core/index.js';
import { COMMANDS } from '../command-list.js';
import { loadPaint, type Paint } from '../paint.js';
import { buildProgram, type Start } from '../program.js';
import { type CommonOptions, type Run, UsageError } from '../run.js';

export const EXAMPLES = ['sluice help', 'sluice help sub', 'sluice help CHANNEL_IN_USE'];

export function configure(command: Command, start: Start): void {
  command
    .argument('[topic]', 'a command or the code of an error')
    .action((topic: string | undefined, options: CommonOptions) =>
      start(options, (run) => help(run, topic, start)),
    );
}

async function help(run: Run, topic: string | undefined, start: Start): Promise<void> {
  if (topic === undefined) {
    run.print((await buildProgram(undefined, start)).helpInformation().trimEnd());
    printCodes(run);
    return;
  }
  const entry = errorEntry(topic);
  if (entry !== undefined) {
    for (const line of errorLines(topic.toUpperCase(), entry, await loadPaint())) run.print(line);
    return;
  }
  if (!COMMANDS.some(({ name }) => name === topic)) {
    throw new UsageError(
      `help knows no ${JSON.stringify(topic)}: it is neither a command nor the code of an error`,
    );
  }
  const program = await buildProgram(topic, start);
  program.commands.find((command) => command.name() === topic)?.outputHelp();
}

function errorEntry(topic: string): ErrorEntry | undefined {
  const code = topic.toUpperCase();
  if (!Object.hasOwn(ERROR_TABLE, code)) return undefined;
  return ERROR_TABLE[code as keyof typeof ERROR_TABLE];
}

export function errorLines(code: string, entry: ErrorEntry, paint: Paint): readonly string[] {
  return [
    `${paint.bold(code)}  ${entry.summary}`,
    '',
    'It happens when',
    ...entry.causes.map((cause) => `  - ${cause}`),
    '',
    'What to do',
    `  ${entry.remedy}`,
  ];
}

function printCodes(run: Run): void {
  run.print('');
  run.print('Codes of errors (sluice help CODE):');
  const codes = Object.keys(ERROR_TABLE);
  for (let index = 0; index < codes.length; index += 4) {
    run.print(`  ${codes.slice(index, index + 4).join('  ')}`);
  }
}
