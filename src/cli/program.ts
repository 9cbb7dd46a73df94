/** The command line as commander parses it: all commands by name, the one that runs with its options. */
import { createRequire } from 'node:module';
import { Command, CommanderError, Option } from 'commander';
import { COMMANDS } from './command-list.js';
import { atLeast, positiveSeconds } from './option-values.js';
import { type CommonOptions, execute, ExitCode, type Run } from './run.js';

/** Runs the action of the command that was chosen; the exit code becomes the program's. */
export type Start = (
  options: CommonOptions,
  action: (run: Run) => Promise<number | void>,
) => Promise<void>;

/** What a file of `commands/` exports. */
export interface CommandModule {
  /** Adds arguments, options and the action. */
  configure(command: Command, start: Start): void;
  /** Lines that work as typed. */
  readonly EXAMPLES: readonly string[];
}

/** Prints help on its own, or has commands of its own that take them. */
const WITHOUT_OPTIONS = ['help', 'agents'];

export async function runProgram(words: readonly string[]): Promise<number> {
  let exitCode: number = ExitCode.done;
  const start: Start = async (options, action) => {
    exitCode = await execute(action, options);
  };
  try {
    const program = await buildProgram(words[0], start);
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOfParser(error);
    const { reportFailure } = await import('./failure.js');
    return reportFailure(error, words.includes('--json'));
  }
  return exitCode;
}

/** Every command by name and summary; `chosen` with its arguments and options, so that its help is whole. */
export async function buildProgram(chosen: string | undefined, start: Start): Promise<Command> {
  const program = new Command('sluice')
    .description(
      'Live streams of frames, tensors and messages between the processes of one machine.',
    )
    .usage('<command> [channel | pattern] [options]')
    .version(packageVersion(), '--version', 'the version')
    .helpOption('--help', 'this help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, subcommandTerm: (command) => command.name() })
    .addHelpText(
      'after',
      '\nsluice help COMMAND says more, and so does sluice help CODE of an error.',
    );
  for (const { name, group, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary).description(summary).helpGroup(group);
    if (name !== chosen) continue;
    const { configure, EXAMPLES } = await load();
    configure(command, start);
    if (!WITHOUT_OPTIONS.includes(name)) addCommonOptions(command);
    addExamples(command, name, EXAMPLES);
  }
  return program;
}

export function addExamples(command: Command, name: string, examples: readonly string[]): void {
  command.showHelpAfterError(`(sluice ${name} --help shows examples)`);
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}`);
}

export function addCommonOptions(command: Command): void {
  command
    .option('--json', 'JSON; one object a line where the command runs on')
    .option(
      '--dir <path>',
      'runtime directory; default $SLUICE_DIR, $XDG_RUNTIME_DIR/sluice, /tmp/sluice-UID',
    )
    .option('-q, --quiet', 'nothing on standard error but failures');
}

/** The options of commands that run on until they are told to end. */
export function addEndOptions(command: Command, unit?: string): void {
  command.addOption(
    new Option('--seconds <s>', 'end after this time').argParser(positiveSeconds('--seconds')),
  );
  if (unit === undefined) return;
  command.addOption(
    new Option('--frames <n>', `end after this many ${unit}`).argParser(atLeast('--frames', 1)),
  );
}

function exitCodeOfParser(error: CommanderError): number {
  const shown = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
  return shown ? ExitCode.done : ExitCode.usage;
}

export function packageVersion(): string {
  const description = createRequire(import.meta.url)('../../../package.json') as {
    version: string;
  };
  return description.version;
}
