/** The agents that the words of a command line ask for. */
import { basename } from 'node:path';
import { findProgram } from '../../terminal/pty/index.js';
import { isAgentName } from '../../terminal/session/index.js';
import { UsageError } from '../run.js';

const SEPARATOR = '---';

/** `claude --- codex --model x --- npm test`. */
export function splitCommands(words: readonly string[]): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  for (const word of words) {
    if (word === SEPARATOR) commands.push([]);
    else commands.at(-1)?.push(word);
  }
  if (commands.some((command) => command.length === 0)) {
    throw new UsageError(
      `there is no command ${words.length === 0 ? '' : `beside a ${SEPARATOR} `}to run`,
    );
  }
  return commands;
}

/** The name of the program, made one of an agent, with a number when it is taken. */
export function nameOf(command: readonly string[], taken: ReadonlySet<string>): string {
  const program = basename(command[0] ?? '').toLowerCase();
  const plain = program
    .replaceAll(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 32);
  const stem = isAgentName(plain) ? plain : 'agent';
  let name = stem;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}`;
  return name;
}

/** Tells of a mistyped program before anything is started. */
export function assertProgram(
  command: readonly string[],
  directory: string,
  environment: Readonly<Record<string, string>>,
): void {
  const [program = ''] = command;
  if (findProgram(program, directory, environment['PATH']) !== undefined) return;
  const where = program.includes('/') ? `from ${directory}` : 'on the PATH';
  throw new UsageError(`there is no program ${JSON.stringify(program)} ${where}`);
}
