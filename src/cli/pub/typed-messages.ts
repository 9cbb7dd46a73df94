/** Messages that a user types at a prompt: keys in, messages out. */
import { isSluiceError } from '../../core/index.js';
import type { MessagePublisher } from '../../bus/publisher/message-publisher.js';
import type { TextFormat } from '../../format/index.js';
import { type InputEvent, keyName, LineEditor } from '../../terminal/input/index.js';
import { promptRows } from '../../terminal/lines/index.js';
import { TEXT_TYPE, TEXT_TYPE_NAMES } from '../../terminal/stream/index.js';
import type { LinesOutput, ShownMessage } from '../lines/lines-output.js';
import { PromptTerminal } from '../lines/prompt-terminal.js';
import type { Run } from '../run.js';
import type { SendResult } from './send-messages.js';
import { isTextType } from './text-type.js';

export interface TypedOptions {
  readonly publisher: MessagePublisher<TextFormat>;
  readonly name: string;
  readonly type: number;
  readonly most: number;
  readonly onSent: (message: ShownMessage) => Promise<void>;
}

interface TypedMessage extends ShownMessage {
  readonly value: string;
}

const MAX_TEXT_LENGTH = 256 * 1024;
/** Messages that were typed and not sent yet: a reader is slow, or several lines came at once. */
const MAX_WAITING = 64;
const HELP = '/type NAME: what messages are   /quit or Ctrl-D   // for a text that begins with /';

export class TypedMessages {
  readonly terminal: PromptTerminal;
  /** Resolves when the user has ended it, or all that were asked for are sent; rejects with what a publisher rejects with. */
  readonly ended: Promise<SendResult>;
  readonly #run: Run;
  readonly #options: TypedOptions;
  readonly #line = new LineEditor({ maxLength: MAX_TEXT_LENGTH, multiline: true });
  #output: LinesOutput | undefined;
  #type: number;
  #notice = '';
  #units = 0;
  readonly #waiting: TypedMessage[] = [];
  #sending = false;
  /** The user wants to leave once what waits is sent. */
  #leaving = false;
  #end!: (result: SendResult) => void;
  #fail!: (error: unknown) => void;

  constructor(run: Run, options: TypedOptions) {
    this.#run = run;
    this.#options = options;
    this.#type = options.type;
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    run.signal.addEventListener('abort', () => this.#finish(), { once: true });
    if (run.ended) this.#finish();
    this.terminal = new PromptTerminal({
      onEvent: (event) => this.#handle(event),
      onHangup: () => run.end('output'),
    });
  }

  /** The prompt is drawn below the lines of `output`, which writes to `terminal`. */
  start(output: LinesOutput): void {
    this.#output = output;
    output.onResize(() => this.#draw());
    this.#draw();
  }

  /** Until the next key. */
  notify(text: string): void {
    this.#notice = text;
    this.#draw();
  }

  #draw(): void {
    const { name } = this.#options;
    const content = { name, type: this.#type, line: this.#line, notice: this.#notice };
    this.#output?.setPrompt(promptRows(content, this.terminal.columns));
  }

  #finish(): void {
    this.#end({ units: this.#units });
  }

  #leave(): void {
    this.#leaving = true;
    if (!this.#sending) return this.#finish();
    this.notify('a message waits for a reader: Ctrl-C leaves without it');
    return undefined;
  }

  #handle(event: InputEvent): void {
    if (event.type !== 'key' && event.type !== 'paste') return;
    if (event.type === 'key' && event.action === 'release') return;
    this.#notice = '';
    if (event.type === 'key' && this.#control(keyName(event.key))) return;
    const result = this.#line.handle(event);
    if (result === 'enter') this.#enter(this.#line.text);
    else if (result === 'refused') {
      this.#notice = `that would be more than ${MAX_TEXT_LENGTH} characters`;
    }
    this.#draw();
  }

  /** Keys that are for the program, and not for the text. */
  #control(key: string): boolean {
    if (key === 'C-c') this.#run.end('interrupted');
    else if (key === 'C-d' && this.#line.isEmpty) this.#leave();
    else if (key === 'C-z') this.#suspend();
    else return false;
    return true;
  }

  #suspend(): void {
    this.#output?.leaveTerminal();
    this.terminal.suspend();
  }

  #enter(text: string): void {
    if (/^\/(?!\/)/.test(text)) return this.#command(text);
    const value = text.startsWith('//') ? text.slice(1) : text;
    if (value.trim() === '') return this.#line.finish();
    const { maxMessageBytes } = this.#options.publisher;
    const byteLength = Buffer.byteLength(value);
    if (this.#waiting.length === MAX_WAITING) {
      this.#notice = `${MAX_WAITING} messages wait for a reader`;
    } else if (byteLength > maxMessageBytes) {
      this.#notice = `that has ${byteLength} bytes, a message here at most ${maxMessageBytes}: see --ring`;
    } else {
      this.#line.finish();
      this.#waiting.push({ type: this.#type, value });
      if (!this.#sending) this.#sendAll().catch((error: unknown) => this.#fail(error));
    }
    return undefined;
  }

  /** In the order in which they were typed. */
  async #sendAll(): Promise<void> {
    const { most } = this.#options;
    this.#sending = true;
    while (this.#units < most && !this.#run.ended) {
      const message = this.#waiting.shift();
      if (message === undefined) break;
      await this.#send(message);
    }
    this.#sending = false;
    if (this.#units >= most || this.#leaving) this.#finish();
  }

  async #send(message: TypedMessage): Promise<void> {
    const { publisher, onSent } = this.#options;
    try {
      await publisher.send(message.value, { type: message.type, signal: this.#run.signal });
      this.#units += 1;
      await onSent(message);
    } catch (error) {
      if (this.#run.ended) return;
      if (!isSluiceError(error, 'INVALID_MESSAGE')) throw error;
      this.notify(error.message);
    }
  }

  #command(text: string): void {
    const [word = '', argument = ''] = text.slice(1).trim().split(/\s+/);
    switch (word) {
      case 'type':
        return this.#chooseType(argument);
      case 'quit':
        this.#line.finish();
        return this.#leave();
      case 'help':
        this.#notice = HELP;
        return this.#line.finish();
      default:
        // The line stays, to be mended.
        this.#notice = `there is no command /${word}: ${HELP}`;
    }
  }

  #chooseType(argument: string): void {
    if (!isTextType(argument)) {
      this.#notice = `/type with one of ${TEXT_TYPE_NAMES.join(', ')}`;
      return;
    }
    this.#type = TEXT_TYPE[argument];
    this.#line.finish();
  }
}
