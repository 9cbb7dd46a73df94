import { endOfPrintable, viewOf } from './printable-ascii.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const ESCAPE = 0x1b;
const SPACE = 0x20;
const DELETE = 0x7f;
const COLOR_FINAL = 0x6d;
const LAST_PARAMETER = 0x3b;

/** What is left of a text. */
export interface ShortenedText {
  readonly length: number;
  readonly lineFeeds: number;
  /** Rows of the lines that were taken out. */
  readonly lostRows: number;
}

/** Rows that the characters of a line take beside its first: the cursor waits behind the last column. */
function rowsWrapped(characters: number, columns: number): number {
  return characters === 0 ? 0 : Math.floor((characters - 1) / columns);
}

/** Where the sequence that starts at `at` ends: `CSI … m` or `CSI … K`. */
function endOfSequence(text: Uint8Array, at: number): number {
  let end = at + 2;
  while ((text[end] as number) <= LAST_PARAMETER) end += 1;
  return end + 1;
}

/** What is known of a line after `readLine`. */
interface Line {
  /** Behind its line feed. */
  end: number;
  /** 0: not known. */
  rows: number;
  hasSequences: boolean;
  /** Where the cursor is at its end, as far as that is known. */
  endsInFirstColumn: boolean;
}

/**
 * Reads `line` from `start`, up to its line feed. Its rows are known when it is ASCII that begins and ends in the first
 * column: whether the line before ended there stands in `line`.
 */
function readLine(
  text: Uint8Array,
  view: DataView,
  start: number,
  columns: number,
  line: Line,
): void {
  const beginsInFirstColumn = line.endsInFirstColumn;
  let isKnown = beginsInFirstColumn;
  let isFirstColumn = beginsInFirstColumn;
  let characters = 0;
  let rows = 1;
  line.hasSequences = false;
  let at = start;
  for (let byte; (byte = text[at] as number) !== LINE_FEED;) {
    if (byte >= SPACE && byte < DELETE) {
      const end = endOfPrintable(view, at + 1);
      characters += end - at;
      isFirstColumn = false;
      at = end;
    } else if (byte === ESCAPE) {
      line.hasSequences = true;
      at = endOfSequence(text, at);
    } else {
      rows += rowsWrapped(characters, columns);
      characters = 0;
      isFirstColumn = byte === CARRIAGE_RETURN;
      if (!isFirstColumn) isKnown = false;
      at += 1;
    }
  }
  line.end = at + 1;
  line.rows = isKnown && isFirstColumn ? rows : 0;
  line.endsInFirstColumn = isFirstColumn;
}

/** Collects what is left in the place of what is read; it never gets ahead of that. */
class Remainder {
  readonly #text: Uint8Array;
  #length: number;
  /** Where the colours begin that stand behind each other now. */
  #colors: number;

  constructor(text: Uint8Array, length: number) {
    this.#text = text;
    this.#length = length;
    this.#colors = length;
  }

  get length(): number {
    return this.#length;
  }

  keep(start: number, end: number): void {
    this.#text.copyWithin(this.#length, start, end);
    this.#length += end - start;
    this.#colors = this.#length;
  }

  /** Of a line that is lost its colours stay, from the last that took back all before. */
  keepColors(start: number, end: number): void {
    const text = this.#text;
    for (let at = text.indexOf(ESCAPE, start); at >= 0 && at < end;) {
      const after = endOfSequence(text, at);
      if (text[after - 1] === COLOR_FINAL) {
        const parameters = after - at - 3;
        if (parameters === 0 || (parameters === 1 && text[at + 2] === 0x30)) {
          this.#length = this.#colors;
        }
        text.copyWithin(this.#length, at, after);
        this.#length += after - at;
      }
      at = text.indexOf(ESCAPE, after);
    }
  }
}

/**
 * Takes lines out of a pending text that are lost anyway: at least `keptLineFeeds` follow, and these push them out of
 * the screen and of its history. The screen and its history are the same without them, as long as
 *
 * - all rows of the screen scroll, into the history, and characters that do not fit go on in the next row;
 * - `keptLineFeeds` is at least the rows of the screen, its history, and once more the rows of the screen: the cursor
 *   need not stand in the last row at first, and what stands below it is overwritten or pushed out, too;
 * - a line that is taken out began in the first column and ended there, so that what follows stands where it would;
 * - the colours that it set stay in the text. SGR 0 makes those before it needless: it takes back all of them.
 *
 * The history forgets `lostRows` fewer rows by itself. Lines whose rows are not known here (what is not ASCII, tabs,
 * backspaces) stay; so does the first, which continues another. `text` is as PendingText takes it, and is shortened in its place.
 */
export function dropLostLines(
  text: Uint8Array,
  lineFeeds: number,
  keptLineFeeds: number,
  columns: number,
): ShortenedText {
  let start = text.indexOf(LINE_FEED) + 1;
  const endsInFirstColumn = text[start - 2] === CARRIAGE_RETURN;
  const line: Line = { end: 0, rows: 0, hasSequences: false, endsInFirstColumn };
  const view = viewOf(text);
  const remainder = new Remainder(text, start);
  let lostRows = 0;
  let lostLines = 0;
  for (let left = lineFeeds - 1; left > keptLineFeeds; left -= 1) {
    readLine(text, view, start, columns, line);
    if (line.rows === 0) remainder.keep(start, line.end);
    else {
      lostRows += line.rows;
      lostLines += 1;
      if (line.hasSequences) remainder.keepColors(start, line.end);
    }
    start = line.end;
  }
  remainder.keep(start, text.length);
  return { length: remainder.length, lineFeeds: lineFeeds - lostLines, lostRows };
}
