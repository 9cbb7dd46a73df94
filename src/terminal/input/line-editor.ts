import { type Cluster, splitClusters } from '../cells/index.js';
import { plainText } from '../policy/index.js';
import type { InputEvent } from './input-event.js';
import type { Key } from './key.js';

/** What an event did to a line. `refused`: it would have become longer than it may. */
export type EditResult = 'edited' | 'enter' | 'escape' | 'refused' | 'other';

export interface LineEditorOptions {
  /** UTF-16 units that the text may have. */
  readonly maxLength: number;
  /** A line end in a paste, and Alt+Enter, stay in the text; else a paste ends at its first one. */
  readonly multiline?: boolean;
}

const MAX_HISTORY = 500;

/**
 * Text that a user types, and the place in it: keys as readline and Emacs have them. It moves by what shares a cell, so
 * that no letter is parted from its marks. What was typed before is brought back with Up and Down.
 */
export class LineEditor {
  /** What keys do, by the name of `editName`. */
  static readonly #edits: Readonly<Record<string, (line: LineEditor) => void>> = {
    Left: (line) => line.#move(line.#cursor - 1),
    'C-b': (line) => line.#move(line.#cursor - 1),
    Right: (line) => line.#move(line.#cursor + 1),
    'C-f': (line) => line.#move(line.#cursor + 1),
    Home: (line) => line.#move(0),
    'C-a': (line) => line.#move(0),
    End: (line) => line.#move(line.#clusters.length),
    'C-e': (line) => line.#move(line.#clusters.length),
    'C-Left': (line) => line.#move(line.#wordBefore()),
    'M-b': (line) => line.#move(line.#wordBefore()),
    'C-Right': (line) => line.#move(line.#wordAfter()),
    'M-f': (line) => line.#move(line.#wordAfter()),
    Backspace: (line) => line.#erase(line.#cursor - 1, line.#cursor),
    'C-h': (line) => line.#erase(line.#cursor - 1, line.#cursor),
    Delete: (line) => line.#erase(line.#cursor, line.#cursor + 1),
    'C-d': (line) => line.#erase(line.#cursor, line.#cursor + 1),
    'C-w': (line) => line.#kill(line.#wordBefore(), line.#cursor),
    'M-Backspace': (line) => line.#kill(line.#wordBefore(), line.#cursor),
    'C-Backspace': (line) => line.#kill(line.#wordBefore(), line.#cursor),
    'M-d': (line) => line.#kill(line.#cursor, line.#wordAfter()),
    'C-u': (line) => line.#kill(0, line.#cursor),
    'C-k': (line) => line.#kill(line.#cursor, line.#clusters.length),
    'C-y': (line) => void line.#insert(line.#killed),
    Up: (line) => line.#recall(-1),
    'C-p': (line) => line.#recall(-1),
    Down: (line) => line.#recall(1),
    'C-n': (line) => line.#recall(1),
  };

  readonly #options: LineEditorOptions;
  #clusters: Cluster[] = [];
  #cursor = 0;
  #length = 0;
  /** What was deleted last in one go, for C-y. */
  #killed = '';
  readonly #history: string[] = [];
  /** Which of the history is shown; its length: what is being typed. */
  #recalled = 0;
  #draft = '';

  constructor(options: LineEditorOptions) {
    this.#options = options;
  }

  get text(): string {
    return this.#clusters.map(({ text }) => text).join('');
  }

  get isEmpty(): boolean {
    return this.#clusters.length === 0;
  }

  /** All of the text; foreign as far as it was pasted. */
  get clusters(): readonly Cluster[] {
    return this.#clusters;
  }

  /** How many clusters stand before the place where text is put in. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Another text, the cursor behind it. */
  setText(text: string): void {
    this.#clusters = splitClusters(text);
    this.#cursor = this.#clusters.length;
    this.#length = text.length;
  }

  /** The text is done with: kept for Up, and the line is empty. */
  finish(): void {
    const { text } = this;
    if (text !== '' && this.#history.at(-1) !== text) this.#history.push(text);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.#recalled = this.#history.length;
    this.#draft = '';
    this.setText('');
  }

  handle(event: InputEvent): EditResult {
    if (event.type === 'paste') return this.#paste(event.text, event.truncated);
    if (event.type !== 'key' || event.action === 'release') return 'other';
    const { key } = event;
    if (key.name === 'Enter' && (key.alt || key.shift) && this.#options.multiline === true) {
      return this.#insert('\n');
    }
    if (key.name === 'Enter' || (key.ctrl && key.name === 'j')) return 'enter';
    if (key.name === 'Escape') return 'escape';
    const edit = LineEditor.#edits[editName(key)];
    if (edit !== undefined) {
      edit(this);
      return 'edited';
    }
    const isText = !key.ctrl && !key.alt && !key.super && [...key.name].length === 1;
    return isText ? this.#insert(key.name) : 'other';
  }

  #insert(text: string): EditResult {
    if (this.#length + text.length > this.#options.maxLength) return 'refused';
    // A mark joins the letter before it; what comes after may join what is put in.
    const before = this.#clusters[this.#cursor - 1]?.text ?? '';
    const after = this.#clusters[this.#cursor]?.text ?? '';
    const start = this.#cursor - (before === '' ? 0 : 1);
    const count = (before === '' ? 0 : 1) + (after === '' ? 0 : 1);
    const joined = splitClusters(before + text + after);
    this.#clusters = this.#clusters
      .slice(0, start)
      .concat(joined, this.#clusters.slice(start + count));
    this.#cursor = start + splitClusters(before + text).length;
    this.#length += text.length;
    return 'edited';
  }

  #paste(text: string, truncated: boolean): EditResult {
    const plain = plainText(text);
    if (this.#options.multiline !== true) return this.#insert(plain.split('\n', 1)[0] ?? '');
    return truncated ? 'refused' : this.#insert(plain.replace(/\n+$/, ''));
  }

  #move(to: number): void {
    this.#cursor = Math.max(0, Math.min(this.#clusters.length, to));
  }

  #erase(from: number, to: number): string {
    const start = Math.max(0, from);
    const removed = this.#clusters.slice(start, to);
    const text = removed.map((cluster) => cluster.text).join('');
    const rest = this.#clusters.slice(start + removed.length);
    this.#clusters = this.#clusters.slice(0, start).concat(rest);
    this.#cursor = start;
    this.#length -= text.length;
    return text;
  }

  #kill(from: number, to: number): void {
    const text = this.#erase(from, to);
    if (text !== '') this.#killed = text;
  }

  #isBlank(index: number): boolean {
    return /^\s/.test(this.#clusters[index]?.text ?? ' ');
  }

  #wordBefore(): number {
    let at = this.#cursor;
    while (at > 0 && this.#isBlank(at - 1)) at -= 1;
    while (at > 0 && !this.#isBlank(at - 1)) at -= 1;
    return at;
  }

  #wordAfter(): number {
    let at = this.#cursor;
    while (at < this.#clusters.length && this.#isBlank(at)) at += 1;
    while (at < this.#clusters.length && !this.#isBlank(at)) at += 1;
    return at;
  }

  #recall(step: number): void {
    const next = this.#recalled + step;
    if (next < 0 || next > this.#history.length) return;
    if (this.#recalled === this.#history.length) this.#draft = this.text;
    this.#recalled = next;
    this.setText(this.#history[next] ?? this.#draft);
  }
}

function editName({ name, ctrl, alt }: Key): string {
  return `${ctrl ? 'C-' : ''}${alt ? 'M-' : ''}${name}`;
}
