import { answers, type Permissions, MAX_LENGTHS, allowedTarget } from '../policy/index.js';
import type { KittyKeyboard } from './kitty-keyboard.js';
import type { ScreenLinks } from './screen-links.js';
import type { Xterm } from './xterm.js';
import type { SequenceName, XtermParameters } from './xterm-core.js';

/** What the handlers act on. */
export interface HandlerContext {
  readonly xterm: Xterm;
  readonly permissions: Permissions;
  readonly keyboard: KittyKeyboard;
  readonly links: ScreenLinks;
  /** Colours told to programs, as 0xRRGGBB. */
  readonly colors: { readonly foreground: number; readonly background: number };
  modifyOtherKeys: number;
  answer(text: string): void;
  beginSynchronizedUpdate(): void;
  endSynchronizedUpdate(): void;
  /** RIS is about to be carried out. */
  reset(): void;
}

function first(parameters: XtermParameters): number {
  return parameters.length > 0 ? (parameters.params[0] as number) : 0;
}

function second(parameters: XtermParameters): number {
  return parameters.length > 1 ? (parameters.params[1] as number) : 0;
}

/** REP: more than any row; xterm makes an array of so many first. */
const MAX_REPEATED = 4096;

/** Sequences that xterm carries out once for each of a number that may be 2^31: bounded by what can be seen of it. */
const REPEATING: readonly (SequenceName & { readonly by: 'rows' | 'columns' | 'row' })[] = [
  { final: 'S', by: 'rows' },
  { final: 'T', by: 'rows' },
  { final: 'L', by: 'rows' },
  { final: 'M', by: 'rows' },
  { final: 'I', by: 'columns' },
  { final: 'Z', by: 'columns' },
  { final: 'b', by: 'row' },
];

export function boundRepetitions({ xterm }: HandlerContext): void {
  for (const { by, ...name } of REPEATING) {
    xterm.onSequence(name, ({ params }) => {
      const most = { rows: xterm.rows, columns: xterm.columns, row: MAX_REPEATED };
      params[0] = Math.min(params[0] as number, most[by]);
      return false;
    });
  }
}

/**
 * CSI 1 J with the cursor in the last cell makes xterm look for a line below the last one. It is CSI 2 J then.
 */
export function avoidFaults({ xterm }: HandlerContext): void {
  for (const name of [{ final: 'J' }, { prefix: '?', final: 'J' }]) {
    xterm.onSequence(name, ({ params }) => {
      const { buffer, columns, rows } = xterm;
      const isLast = buffer.x + 1 >= columns && buffer.y === rows - 1;
      if (params[0] === 1 && isLast) params[0] = 2;
      return false;
    });
  }
}

/** DECRQM: what is known of private modes. */
function privateModeState(context: HandlerContext, mode: number): number {
  const { xterm } = context;
  const { modes } = xterm;
  const known: Readonly<Record<number, boolean>> = {
    1: modes.applicationCursorKeys,
    6: modes.origin,
    7: modes.wraparound,
    9: xterm.mouseProtocol === 'X10',
    12: xterm.cursorBlinks,
    25: xterm.cursorVisible,
    45: modes.reverseWraparound,
    47: xterm.isAlternate,
    66: modes.applicationKeypad,
    1000: xterm.mouseProtocol === 'VT200',
    1002: xterm.mouseProtocol === 'DRAG',
    1003: xterm.mouseProtocol === 'ANY',
    1004: modes.sendFocus,
    1006: xterm.mouseEncoding === 'SGR',
    1047: xterm.isAlternate,
    1049: xterm.isAlternate,
    2004: modes.bracketedPasteMode,
    2026: modes.synchronizedOutput,
  };
  const state = known[mode];
  if (state !== undefined) return state ? answers.MODE_STATE.set : answers.MODE_STATE.reset;
  return mode === 2027 ? answers.MODE_STATE.alwaysSet : answers.MODE_STATE.unknown;
}

function ansiModeState({ xterm }: HandlerContext, mode: number): number {
  if (mode !== 4 && mode !== 20) return answers.MODE_STATE.unknown;
  const isSet = mode === 4 ? xterm.insertMode : xterm.newLineMode;
  return isSet ? answers.MODE_STATE.set : answers.MODE_STATE.reset;
}

function isDark(rgb: number): boolean {
  return ((rgb >> 16) & 0xff) * 3 + ((rgb >> 8) & 0xff) * 6 + (rgb & 0xff) < 1275;
}

function statusReport(context: HandlerContext, what: number, extended: boolean): void {
  const { buffer, columns } = context.xterm;
  if (what === 5 && !extended) context.answer(answers.STATUS_OK);
  if (what === 6) {
    const column = Math.min(buffer.x, columns - 1);
    context.answer(answers.cursorPosition(column, buffer.y, extended));
  }
  if (what === 996 && extended) {
    context.answer(answers.colorScheme(isDark(context.colors.background)));
  }
}

/** Every question that is answered; xterm's own answers are not used, and what else it knows to answer is refused. */
export function answerQueries(context: HandlerContext): void {
  const { xterm } = context;
  const on = (name: SequenceName, handler: (parameters: XtermParameters) => void): void => {
    xterm.onSequence(name, (parameters) => {
      handler(parameters);
      return true;
    });
  };
  on({ final: 'c' }, (parameters) => {
    if (first(parameters) === 0) context.answer(answers.PRIMARY_ATTRIBUTES);
  });
  on({ prefix: '>', final: 'c' }, (parameters) => {
    if (first(parameters) === 0) context.answer(answers.SECONDARY_ATTRIBUTES);
  });
  on({ prefix: '>', final: 'q' }, (parameters) => {
    if (first(parameters) === 0) context.answer(answers.TERMINAL_NAME);
  });
  on({ final: 'n' }, (parameters) => statusReport(context, first(parameters), false));
  on({ prefix: '?', final: 'n' }, (parameters) => statusReport(context, first(parameters), true));
  on({ intermediates: '$', final: 'p' }, (parameters) => {
    const mode = first(parameters);
    context.answer(answers.modeReport(mode, ansiModeState(context, mode), false));
  });
  on({ prefix: '?', intermediates: '$', final: 'p' }, (parameters) => {
    const mode = first(parameters);
    context.answer(answers.modeReport(mode, privateModeState(context, mode), true));
  });
  on({ final: 't' }, (parameters) => {
    if (first(parameters) === 18) {
      context.answer(answers.sizeInCells(xterm.columns, xterm.rows));
    }
  });
  xterm.onControlString({ intermediates: '$', final: 'q' }, () => {
    context.answer(answers.NO_SETTING);
  });
  xterm.onControlString({ intermediates: '+', final: 'q' }, () => {
    context.answer(answers.NO_CAPABILITY);
  });
  for (const which of [10, 11] as const) {
    xterm.onCommand(which, MAX_LENGTHS.other, (text) => {
      const { foreground, background } = context.colors;
      if (text === '?') {
        context.answer(answers.color(which, which === 10 ? foreground : background));
      }
    });
  }
}

/** The keyboard that the program asked for: kept for whoever writes keys to it. */
export function followKeyboard(context: HandlerContext): void {
  const { xterm, keyboard } = context;
  const on = (prefix: string, handler: (parameters: XtermParameters) => void): void => {
    xterm.onSequence({ prefix, final: 'u' }, (parameters) => {
      handler(parameters);
      return true;
    });
  };
  on('>', (parameters) => keyboard.push(xterm.isAlternate, first(parameters)));
  on('<', (parameters) => keyboard.pop(xterm.isAlternate, first(parameters)));
  on('=', (parameters) => {
    keyboard.set(xterm.isAlternate, first(parameters), second(parameters) || 1);
  });
  on('?', () => context.answer(answers.keyboardFlags(keyboard.flags(xterm.isAlternate))));
  xterm.onSequence({ prefix: '>', final: 'm' }, (parameters) => {
    const names = first(parameters);
    if (names === 4 || names === 0) context.modifyOtherKeys = Math.min(2, second(parameters));
    return true;
  });
  xterm.onSequence({ prefix: '?', final: 'm' }, (parameters) => {
    if (first(parameters) === 4) {
      context.answer(answers.modifyOtherKeys(context.modifyOtherKeys));
    }
    return true;
  });
}

function includes({ params, length }: XtermParameters, mode: number): boolean {
  return params.subarray(0, length).includes(mode);
}

/** Synchronized updates, and full resets. */
export function followModes(context: HandlerContext): void {
  const { xterm } = context;
  xterm.onSequence({ prefix: '?', final: 'h' }, (parameters) => {
    if (includes(parameters, 2026)) context.beginSynchronizedUpdate();
    return false;
  });
  xterm.onSequence({ prefix: '?', final: 'l' }, (parameters) => {
    if (includes(parameters, 2026)) context.endSynchronizedUpdate();
    return false;
  });
  xterm.onSequence({ intermediates: '!', final: 'p' }, () => {
    context.endSynchronizedUpdate();
    return false;
  });
  xterm.onEscape('c', () => {
    context.reset();
    return false;
  });
}

/**
 * DECRC and what else brings back the attributes that were saved ends a link: those do not name it, and half of it would stay.
 */
function endLinksAtRestore(xterm: Xterm): void {
  const endLink = (): boolean => {
    xterm.setLink(0);
    return false;
  };
  xterm.onEscape('8', endLink);
  xterm.onSequence({ final: 'u' }, endLink);
  xterm.onSequence({ prefix: '?', final: 'l' }, (parameters) => {
    if (includes(parameters, 1048) || includes(parameters, 1049)) xterm.setLink(0);
    return false;
  });
}

/** OSC 8: `parameters ; address`, where parameters are `key=value` with colons between them. */
export function followLinks({ xterm, links, permissions }: HandlerContext): void {
  endLinksAtRestore(xterm);
  xterm.onCommand(8, MAX_LENGTHS.uri + MAX_LENGTHS.linkId, (text) => {
    const separator = text?.indexOf(';') ?? -1;
    const parameters = text?.slice(0, Math.max(0, separator)) ?? '';
    const uri = separator < 0 ? '' : (text?.slice(separator + 1) ?? '');
    const target = permissions.hyperlinks ? allowedTarget(uri) : undefined;
    if (target === undefined) return xterm.setLink(0);
    const id = parameters.split(':').find((pair) => pair.startsWith('id='));
    xterm.setLink(links.add(target, (id ?? '').slice(3, 3 + MAX_LENGTHS.linkId)));
  });
}
