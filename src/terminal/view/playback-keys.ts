import { type Key, keyName, keyOf, parseKeyName } from '../input/index.js';
import type { HelpEntry } from './commands.js';

/** What a key does to a recording that is played. */
export type PlaybackCommand =
  | 'pause'
  | 'slower'
  | 'faster'
  | 'usual-speed'
  | 'back'
  | 'on'
  | 'far-back'
  | 'far-on'
  | 'start'
  | 'end'
  | 'step'
  | 'solo'
  | 'mute'
  | 'all';

/** The keys of each, as video players have them. Nobody is there to be typed to, so they need no prefix. */
export const PLAYBACK_BINDINGS: Readonly<Record<PlaybackCommand, readonly string[]>> = {
  pause: ['Space'],
  slower: ['<'],
  faster: ['>'],
  'usual-speed': ['Backspace'],
  back: ['Left'],
  on: ['Right'],
  'far-back': ['Down'],
  'far-on': ['Up'],
  start: ['Home'],
  end: ['End'],
  step: ['.'],
  solo: ['s'],
  mute: ['m'],
  all: ['a'],
};

const BY_KEY = new Map(
  Object.entries(PLAYBACK_BINDINGS).flatMap(([command, keys]) =>
    keys.map((key) => [keyName(parseKeyName(key)), command as PlaybackCommand] as const),
  ),
);

export function playbackCommandOf(key: Key): PlaybackCommand | undefined {
  return BY_KEY.get(keyName(key));
}

const LEAVE_KEYS: readonly string[] = [keyName(keyOf('q')), keyName(keyOf('c', { ctrl: true }))];

export function leavesPlayback(key: Key): boolean {
  return LEAVE_KEYS.includes(keyName(key));
}

/** The help of a recording. Undefined is an empty line. */
export const PLAYBACK_HELP: readonly (HelpEntry | undefined)[] = [
  ['Space', 'pause, go on; at the end start again'],
  ['Left Right', 'five seconds back, on'],
  ['Down Up', 'a minute back, on'],
  ['Home End', 'the start, the end'],
  ['< >  Backspace', 'slower, faster, as it was'],
  ['.', 'pause at the next output'],
  ['s', 'this agent alone, and back'],
  ['m  a', 'without this agent; all of them'],
  undefined,
  ['n p  Tab S-Tab', 'the next agent, the one before'],
  ['h j k l  1 to 9', 'in that direction, by number'],
  ['w', 'the next one that waits'],
  ['z  g  f', 'alone and back, side by side, large'],
  ['- +  S-Left S-Right', 'lower, taller, narrower, wider'],
  ['[  PageUp', 'scroll back, select, copy; q ends it'],
  ['/', 'search'],
  ['r  C-z', 'draw everything again, sleep'],
  ['q  C-c', 'leave'],
];
