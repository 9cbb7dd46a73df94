/** The screen of `top` as a value: what a key changes, and the lines that are shown. No terminal is touched here. */
import { cameraLines } from '../camera-facts.js';
import { infoLines } from '../commands/info.js';
import type { Paint } from '../paint.js';
import { NO_PAINT } from '../paint.js';
import { fit } from '../table.js';
import type { ChannelSample } from './channel-sampler.js';
import { type Row, rowsOf, type Selection, SORTS, tableLines, totalsText } from './rows.js';

export interface ScreenState extends Selection {
  /** Keys are letters of the filter. */
  readonly typing: boolean;
  /** Index among the rows. */
  readonly selected: number;
  /** The channel whose details are shown. */
  readonly detail: string | undefined;
  /** How cameras are, instead of who reads what. */
  readonly cameras: boolean;
}

export const FIRST_SCREEN: ScreenState = Object.freeze({
  sort: 'name',
  filter: '',
  copiesOnly: false,
  typing: false,
  selected: 0,
  detail: undefined,
  cameras: false,
});

/** A key as node:readline names it. */
export interface Key {
  readonly name?: string;
  readonly sequence?: string;
  readonly ctrl?: boolean;
}

const MAX_FILTER_LENGTH = 64;

/** What a key does: the next state, or that the program ends, is interrupted or is put to sleep. */
export function pressKey(
  state: ScreenState,
  key: Key,
  channels: readonly ChannelSample[],
): ScreenState | 'quit' | 'interrupt' | 'suspend' {
  if (key.ctrl === true && key.name === 'c') return 'interrupt';
  if (key.ctrl === true && key.name === 'z') return 'suspend';
  if (state.typing) return typeFilter(state, key);
  const rows = rowsOf(channels, state);
  const last = Math.max(0, rows.length - 1);
  const selected = Math.min(state.selected, last);
  switch (key.name ?? key.sequence) {
    case 'q':
      return 'quit';
    case 's':
      return { ...state, sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? 'name' };
    case 'up':
    case 'k':
      return { ...state, selected: Math.max(0, selected - 1) };
    case 'down':
    case 'j':
      return { ...state, selected: Math.min(last, selected + 1) };
    case 'return':
    case 'enter':
      if (state.detail !== undefined) return { ...state, detail: undefined };
      return { ...state, selected, detail: rows[selected]?.channel.manifest.channel };
    case 'escape':
      if (state.detail !== undefined) return { ...state, detail: undefined };
      return { ...state, filter: '', copiesOnly: false, cameras: false };
    case 'c':
      return { ...state, detail: undefined, cameras: !state.cameras };
  }
  if (key.sequence === '/') return { ...state, detail: undefined, typing: true, filter: '' };
  if (key.sequence === '!') return { ...state, copiesOnly: !state.copiesOnly, selected: 0 };
  return state;
}

function typeFilter(state: ScreenState, key: Key): ScreenState {
  if (key.name === 'return' || key.name === 'enter') return { ...state, typing: false };
  if (key.name === 'escape') return { ...state, typing: false, filter: '' };
  if (key.name === 'backspace') return { ...state, filter: state.filter.slice(0, -1) };
  const letter = key.sequence ?? '';
  if (!/^[\u0020-\u007e]$/.test(letter) || state.filter.length >= MAX_FILTER_LENGTH) return state;
  return { ...state, filter: state.filter + letter, selected: 0 };
}

export interface ScreenSize {
  readonly width: number;
  readonly height: number;
}

/** At most `height` lines of at most `width` cells. */
export function screenLines(
  state: ScreenState,
  channels: readonly ChannelSample[],
  size: ScreenSize,
  paint: Paint,
): readonly string[] {
  const { width, height } = size;
  const heading = paint.cyan(fit(`sluice top   ${totalsText(channels)}`, width));
  const room = Math.max(1, height - 2);
  const body = bodyLines(state, channels, { width, height: room }, paint);
  const blank = Array.from({ length: Math.max(0, room - body.length) }, () => '');
  return [heading, ...body, ...blank, paint.dim(fit(keysText(state), width))].slice(0, height);
}

function bodyLines(
  state: ScreenState,
  channels: readonly ChannelSample[],
  size: ScreenSize,
  paint: Paint,
): readonly string[] {
  const shown = channels.find(({ manifest }) => manifest.channel === state.detail);
  if (shown !== undefined) {
    return infoLines(shown, NO_PAINT)
      .slice(0, size.height)
      .map((line) => fit(line, size.width));
  }
  if (state.cameras) {
    const lines = cameraLines(named(channels, state.filter), NO_PAINT);
    const shownLines = lines.length === 0 ? ['no cameras'] : lines;
    return shownLines.slice(0, size.height).map((line) => fit(line, size.width));
  }
  const rows = rowsOf(channels, state);
  if (rows.length === 0) return [channels.length === 0 ? 'no channels yet' : 'nothing matches'];
  return scrolled(rows, state, size, paint);
}

function named(channels: readonly ChannelSample[], filter: string): readonly ChannelSample[] {
  return channels.filter(({ manifest }) => manifest.channel.includes(filter));
}

/** The rows around the selected one, below the titles. */
function scrolled(
  rows: readonly Row[],
  state: ScreenState,
  { width, height }: ScreenSize,
  paint: Paint,
): readonly string[] {
  const selected = Math.min(state.selected, rows.length - 1);
  const room = Math.max(1, height - 1);
  const first = Math.max(0, Math.min(selected - room + 1, rows.length - room));
  const start = selected < first ? selected : first;
  const colored = tableLines(rows, width, paint);
  const bare = tableLines(rows, width, NO_PAINT);
  const lines = rows.map((_row, index) =>
    index === selected ? paint.inverse(bare[index + 1] ?? '') : (colored[index + 1] ?? ''),
  );
  return [colored[0] ?? '', ...lines.slice(start, start + room)];
}

function keysText(state: ScreenState): string {
  if (state.typing) return ` filter: ${state.filter}_   enter keeps it, escape drops it`;
  if (state.detail !== undefined) return ' enter back  q quit';
  // What is in force comes first: where the terminal is narrow, the end of the line is cut.
  if (state.cameras) return `${filterText(state)} c channels  / filter  q quit`;
  const on = [filterText(state), state.copiesOnly ? '  [copies only]' : ''].join('');
  return `${on} q quit  s sort: ${state.sort}  enter details  c cameras  / filter  ! copies only`;
}

function filterText({ filter }: ScreenState): string {
  return filter === '' ? '' : `  [filter ${filter}]`;
}
