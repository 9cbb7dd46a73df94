import type { InputEvent } from '../input/index.js';

const MAX_TEXT_LENGTH = 1024;

/** What happened to a prompt. */
export type PromptResult = 'open' | 'done' | 'dropped';

/** One line of text that the user types, in the status line. */
export class Prompt {
  readonly label: string;
  readonly purpose: 'new' | 'search-back' | 'search-on';
  #text = '';

  constructor(purpose: Prompt['purpose'], label: string) {
    this.purpose = purpose;
    this.label = label;
  }

  get text(): string {
    return this.#text;
  }

  handle(event: InputEvent): PromptResult {
    if (event.type === 'paste') {
      // One line of it: a line end in a paste must not press Enter.
      this.#append(event.text.split(/[\r\n]/, 1)[0] ?? '');
      return 'open';
    }
    if (event.type !== 'key' || event.action === 'release') return 'open';
    const { name, ctrl, alt } = event.key;
    if (name === 'Enter') return 'done';
    if (name === 'Escape' || (ctrl && (name === 'c' || name === 'g'))) return 'dropped';
    if (name === 'Backspace') this.#text = [...this.#text].slice(0, -1).join('');
    else if (ctrl && name === 'u') this.#text = '';
    else if (ctrl && name === 'w') this.#text = this.#text.replace(/\S+\s*$/u, '');
    else if (!ctrl && !alt && [...name].length === 1) this.#append(name);
    return 'open';
  }

  #append(text: string): void {
    this.#text = (this.#text + text).slice(0, MAX_TEXT_LENGTH);
  }
}
