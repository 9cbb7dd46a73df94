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
  | 'answer'
  | 'redraw'
  | 'suspend'
  | 'detach'
  | 'help';

/** The keys of each command, the first one being shown. */
export const BINDINGS: Readonly<Record<Command, readonly string[]>> = {
  next: ['n', 'Tab'],
  previous: ['p', 'S-Tab'],
  waiting: ['w'],
  left: ['Left', 'h'],
  right: ['Right', 'l'],
  up: ['Up', 'k'],
  down: ['Down', 'j'],
  zoom: ['z'],
  grid: ['g'],
  focus: ['f'],
  layout: ['Space'],
  wider: ['>', 'S-Right'],
  narrower: ['<', 'S-Left'],
  taller: ['+', 'S-Down'],
  lower: ['-', 'S-Up'],
  scroll: ['[', 'PageUp'],
  search: ['/'],
  new: ['c'],
  kill: ['x'],
  answer: ['y'],
  redraw: ['r'],
  suspend: ['C-z'],
  detach: ['d'],
  help: ['?'],
};

const BY_KEY = new Map(
  Object.entries(BINDINGS).flatMap(([command, keys]) =>
    keys.map((key) => [keyName(parseKeyName(key)), command as Command] as const),
  ),
);

/** What a key means after the prefix. Ctrl may still be held from the prefix: C-g C-n is C-g n. */
export function commandOf(key: Key): Command | undefined {
  const exact = BY_KEY.get(keyName(key));
  if (exact !== undefined || !key.ctrl) return exact;
  return BY_KEY.get(keyName(keyOf(key.name, { shift: key.shift })));
}

/** Keys and what they do. */
export type HelpEntry = readonly [keys: string, text: string];

/** The help, in the order of use. Undefined is an empty line. */
export function helpOf(prefix: string): readonly (HelpEntry | undefined)[] {
  return [
    ['n p  Tab S-Tab', 'the next agent, the one before'],
    ['w', 'the next one that waits for you'],
    ['arrows  h j k l', 'the one in that direction'],
    ['1 to 9', 'the one with that number'],
    ['z', 'this one alone, and back'],
    ['g  f  Space', 'side by side, one large, next layout'],
    ['< > - +', 'narrower, wider, lower, taller'],
    ['[  PageUp', 'scroll back, select, copy'],
    ['/', 'search'],
    ['c  x', 'start an agent, stop this one'],
    ['y', 'answer: may it copy to the clipboard?'],
    ['r', 'draw everything again'],
    ['C-z', 'put this viewer to sleep'],
    ['d', 'leave: the agents run on'],
    [prefix, `${prefix} itself, for the agent`],
    undefined,
    ['arrows PgUp PgDn g G', 'scrolled back: move'],
    ['/ ?  n N', 'search on, back; next, last'],
    ['v  y', 'select; copy to the clipboard'],
    ['q  Esc', 'back to what is new'],
  ];
}
