/** What a view is for, and what it says of its keys. */
import { type Command, helpOf } from './commands.js';
import type { Help } from './help.js';
import { PLAYBACK_HELP } from './playback-keys.js';
import type { Status } from './status-line.js';

/**
 * `session`: what is typed goes to the agent in focus. `playback`: nobody is there to be typed to, keys are those of a
 * player. `picture`: nobody is in front of it.
 */
export type ViewPurpose = 'session' | 'playback' | 'picture';

/** `prefix`: the name of the key before a command. */
export function helpFor(purpose: ViewPurpose, prefix: string): Help {
  if (purpose === 'playback') return { title: 'keys', entries: PLAYBACK_HELP };
  return { title: `${prefix}, then`, entries: helpOf(prefix) };
}

/** How the status line says where help is. */
export function hintFor(purpose: ViewPurpose, prefix: string): Status['hint'] {
  if (purpose === 'picture') return undefined;
  return purpose === 'playback' ? ['?', 'help'] : [prefix, '? help'];
}

/** What is said after the prefix key. */
export function commandsFor(purpose: ViewPurpose): string {
  const moves = 'n p next, last  w waits  z zoom  g grid  f focus  [ scroll';
  return `${moves}${purpose === 'session' ? '  c new  x stop' : ''}  d leave  ? all`;
}

/** What is done to agents that run. */
const OF_A_SESSION: readonly Command[] = ['new', 'kill', 'answer'];

/** What was recorded can neither be joined nor stopped. */
export function isMeantFor(purpose: ViewPurpose, command: Command): boolean {
  return purpose === 'session' || !OF_A_SESSION.includes(command);
}
