/** `sluice agents hooks <program>`: settings for a program that make it report what it is doing. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { HOOK_PROGRAMS, hookSettings } from '../../../terminal/attention/index.js';
import { findProgram } from '../../../terminal/pty/index.js';
import { oneOf } from '../../option-values.js';
import type { Start } from '../../program.js';
import { asUsage, type CommonOptions, type Run } from '../../run.js';

export const EXAMPLES = [
  'mkdir -p .claude && sluice agents hooks claude > .claude/settings.local.json',
  'claude --settings "$(sluice agents hooks claude)"',
  'mkdir -p .codex && sluice agents hooks codex > .codex/hooks.json',
];

const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));

export function configure(command: Command, start: Start): void {
  command.argument('<program>', HOOK_PROGRAMS.join(', '));
  command.action((program: string, options: CommonOptions) =>
    start(options, (run) => hooks(run, program)),
  );
}

function hooks(run: Run, program: string): Promise<void> {
  const known = asUsage(() => oneOf('the program', HOOK_PROGRAMS)(program));
  run.print(JSON.stringify(hookSettings(known, ownCommand()), undefined, 2));
  return Promise.resolve();
}

/** As a shell finds it: by its name, else by its place. */
function ownCommand(): string {
  if (findProgram('sluice', process.cwd(), process.env['PATH']) !== undefined) return 'sluice';
  return [process.execPath, MAIN]
    .map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)
    .join(' ');
}
