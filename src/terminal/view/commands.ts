import { type Key, keyName, keyOf, parseKeyName } from '../input/index.js';

/** What a key after the prefix key does. */
export type Command =
  | 'next'
  | 'previous'
  | 'waiting'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'zoom'
  | 'grid'
  | 'focus'
  | 'layout'
  | 'wider'
  | 'narrower'
  | 'taller'
  | 'lower'
  | 'scroll'
  | 'search'
  | 'new'
  | 'kill'
  | 'redraw'
  | 'suspend'
  | 'detach'
  | 'help';

interface Binding {
  readonly command: Command;
  readonly keys: readonly string[];
  readonly text: string;
}

/** In the order of the help. */
export const BINDINGS: readonly Binding[] = [
  { command: 'next', keys: ['n', 'Tab'], text: 'next agent' },
  { command: 'previous', keys: ['p', 'S-Tab'], text: 'previous agent' },
  { command: 'waiting', keys: ['w'], text: 'the agent that waits for you' },
  { command: 'left', keys: ['Left', 'h'], text: 'agent to the left' },
  { command: 'right', keys: ['Right', 'l'], text: 'agent to the right' },
  { command: 'up', keys: ['Up', 'k'], text: 'agent above' },
  { command: 'down', keys: ['Down', 'j'], text: 'agent below' },
  { command: 'zoom', keys: ['z'], text: 'this agent alone, and back' },
  { command: 'grid', keys: ['g'], text: 'all agents side by side' },
  { command: 'focus', keys: ['f'], text: 'one agent large, and a list' },
  { command: 'layout', keys: ['Space'], text: 'the next layout' },
  { command: 'wider', keys: ['>', 'S-Right'], text: 'wider' },
  { command: 'narrower', keys: ['<', 'S-Left'], text: 'narrower' },
  { command: 'taller', keys: ['+', 'S-Down'], text: 'taller' },
  { command: 'lower', keys: ['-', 'S-Up'], text: 'lower' },
  { command: 'scroll', keys: ['[', 'PageUp'], text: 'scroll back, select, copy' },
  { command: 'search', keys: ['/'], text: 'search' },
  { command: 'new', keys: ['c'], text: 'start an agent' },
  { command: 'kill', keys: ['x'], text: 'stop this agent' },
  { command: 'redraw', keys: ['r'], text: 'draw everything again' },
  { command: 'suspend', keys: ['C-z'], text: 'put this viewer to sleep' },
  { command: 'detach', keys: ['d'], text: 'leave; the agents run on' },
  { command: 'help', keys: ['?'], text: 'this help' },
];

const BY_KEY = new Map(
  BINDINGS.flatMap(({ command, keys }) =>
    keys.map((key) => [keyName(parseKeyName(key)), command] as const),
  ),
);

/** What a key means after the prefix. Ctrl may still be held from the prefix: C-g C-n is C-g n. */
export function commandOf(key: Key): Command | undefined {
  const exact = BY_KEY.get(keyName(key));
  if (exact !== undefined || !key.ctrl) return exact;
  return BY_KEY.get(keyName(keyOf(key.name, { shift: key.shift })));
}

/** Keys while scrolled back, for the help. */
export const SCROLL_KEYS: readonly (readonly [string, string])[] = [
  ['Up Down PgUp PgDn g G', 'move'],
  ['/ ?  n N', 'search back, on; next, last'],
  ['v  Space', 'begin to select'],
  ['y  Enter', 'copy to the clipboard'],
  ['q  Esc', 'back to what is new'],
];
