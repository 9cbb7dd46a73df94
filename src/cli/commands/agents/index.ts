/** `sluice agents`: programs in terminals of their own, held by a process that outlives whoever looks at them. */
import type { Command } from 'commander';
import { addCommonOptions, addExamples, type CommandModule, type Start } from '../../program.js';
import * as attach from './attach.js';
import * as hooks from './hooks.js';
import * as log from './log.js';
import * as ls from './ls.js';
import * as newAgents from './new.js';
import * as next from './next.js';
import * as report from './report.js';
import * as screen from './screen.js';
import * as send from './send.js';
import * as stop from './stop.js';

const COMMANDS: readonly (readonly [string, string, CommandModule])[] = [
  ['new', 'starts agents, each in a terminal of its own', newAgents],
  ['attach', 'shows all agents and types into one of them', attach],
  ['ls', 'the agents there are, and who waits', ls],
  ['next', 'the agent that needs you most', next],
  ['send', 'types into an agent', send],
  ['screen', 'what an agent shows', screen],
  ['log', 'all that an agent has written', log],
  ['stop', 'ends agents', stop],
  ['report', 'for hooks: says what an agent is doing', report],
  ['hooks', 'settings that make an agent report by itself', hooks],
];

export const EXAMPLES = [
  'sluice agents new -- claude --- codex --- npm test',
  'sluice agents attach',
  'sluice agents next',
  'sluice agents new --help',
];

export function configure(command: Command, start: Start): void {
  command.usage('<command> [agent] [options]');
  command.helpCommand(false);
  for (const [name, summary, module] of COMMANDS) {
    const sub = command.command(name).summary(summary).description(summary);
    module.configure(sub, start);
    addCommonOptions(sub);
    addExamples(sub, `agents ${name}`, module.EXAMPLES);
  }
}
