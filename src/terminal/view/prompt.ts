import { type InputEvent, LineEditor } from '../input/index.js';

const MAX_TEXT_LENGTH = 1024;

/** What happened to a prompt. */
export type PromptResult = 'open' | 'done' | 'dropped';

/** One line of text that the user types, in the status line. */
export class Prompt {
  readonly label: string;
  readonly purpose: 'new' | 'search-back' | 'search-on';
  readonly line = new LineEditor({ maxLength: MAX_TEXT_LENGTH });

  constructor(purpose: Prompt['purpose'], label: string) {
    this.purpose = purpose;
    this.label = label;
  }

  get text(): string {
    return this.line.text;
  }

  handle(event: InputEvent): PromptResult {
    const isKey = event.type === 'key' && event.action !== 'release';
    if (isKey && event.key.ctrl && /^[cg]$/.test(event.key.name)) return 'dropped';
    const result = this.line.handle(event);
    return result === 'enter' ? 'done' : result === 'escape' ? 'dropped' : 'open';
  }
}
