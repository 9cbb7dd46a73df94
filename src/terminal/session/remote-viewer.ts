import { printable } from '../../core/index.js';
import {
  askTerminal,
  clipboardSequence,
  type TerminalCapabilities,
  UserTerminal,
  type UserTerminalEvents,
} from '../output/index.js';
import type { LayoutKind } from '../view/index.js';
import type { ControlClient } from './control-client.js';
import { within } from './within.js';

export interface RemoteViewerOptions {
  readonly client: ControlClient;
  readonly layout?: LayoutKind;
  readonly prefixKey?: string;
  /** The agent that has the keys at first. */
  readonly focus?: string;
  /** Tell the user's terminal when an agent begins to wait (OSC 9). */
  readonly notify?: boolean;
  /** After the view is left, so many lines of each agent are written behind what the terminal showed before. Default 0. */
  readonly transcriptLines?: number;
  /** For agents that are started from the view. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends the viewer. */
  readonly signal: AbortSignal;
}

/** Why it ended. */
export type RemoteViewerEnd = 'detach' | 'hangup' | 'signal' | 'host';

const MAX_NOTIFICATION_LENGTH = 200;
/** A host that does not answer by then keeps no viewer from ending. */
const TRANSCRIPT_PATIENCE_MS = 1000;

/**
 * The thin half of `attach`: owns the user's terminal, sends what is typed to the host, and writes the frames that come
 * from there. It says when a frame is on the terminal, and only then gets the next one.
 */
export class RemoteViewer {
  readonly #options: RemoteViewerOptions;
  readonly #terminal = new UserTerminal();
  #frame: Uint8Array[] = [];
  #transcript = Buffer.alloc(0);
  #request = 0;
  #attached = false;
  #frameUnderWay = false;
  #end!: (end: RemoteViewerEnd) => void;

  /** Throws `NOT_A_TERMINAL` where there is none. */
  constructor(options: RemoteViewerOptions) {
    this.#options = options;
  }

  /** Until the user leaves, the terminal is gone, the signal comes, or the host ends. Rejects with what went wrong. */
  async run(): Promise<RemoteViewerEnd> {
    const ended = new Promise<RemoteViewerEnd>((resolve) => (this.#end = resolve));
    const { signal } = this.#options;
    const onSignal = (): void => this.#end('signal');
    signal.addEventListener('abort', onSignal, { once: true });
    try {
      const { capabilities, early } = await askTerminal(
        this.#terminal,
        this.#options.environment,
        this.#events(),
      );
      if (signal.aborted) return 'signal';
      const left = this.#attach(capabilities);
      for (const bytes of early) this.#type(bytes);
      const end = await Promise.race([ended, left]);
      this.#leaveTerminal();
      if (end === 'signal') await this.#sayGoodbye(left);
      // On standard output, which blocks as a terminal does: all of it comes before the prompt.
      if (end !== 'hangup') process.stdout.write(this.#transcript);
      return end;
    } finally {
      signal.removeEventListener('abort', onSignal);
      this.#leaveTerminal();
    }
  }

  #leaveTerminal(): void {
    this.#attached = false;
    this.#terminal.leave();
  }

  /** The terminal has been put back already; what the agents showed follows, from a host that is well. */
  async #sayGoodbye(left: Promise<unknown>): Promise<void> {
    this.#options.client.sendEvent(this.#request, { event: 'leave' });
    await within(TRANSCRIPT_PATIENCE_MS, left);
  }

  #events(): UserTerminalEvents {
    return {
      onInput: (bytes) => this.#type(bytes),
      onIdle: () => {
        if (this.#frameUnderWay) this.#drawn();
      },
      onResize: () => this.#resized(),
      onHangup: () => this.#end('hangup'),
    };
  }

  async #attach(capabilities: TerminalCapabilities): Promise<RemoteViewerEnd> {
    const { client, layout, prefixKey, focus, directory, environment } = this.#options;
    const { size } = this.#terminal;
    const { kittyKeyboard } = capabilities;
    this.#terminal.enter({ alternateScreen: true, mouse: true, kittyKeyboard });
    const { transcriptLines } = this.#options;
    const view = { layout, prefixKey, focus, transcriptLines };
    const fields = { ...size, capabilities, ...view, directory, environment };
    const { request, reply } = client.start('attach', fields, {
      onData: (bytes) => this.#frame.push(bytes.slice()),
      onEvent: (event) => this.#onEvent(event),
    });
    this.#request = request;
    this.#attached = true;
    const { reason } = await reply;
    this.#transcript = Buffer.concat(this.#frame);
    return reason === 'detach' ? 'detach' : 'host';
  }

  #onEvent({ event, text, name }: Readonly<Record<string, unknown>>): void {
    switch (event) {
      case 'frame':
        return this.#draw();
      case 'transcript':
        this.#frame = [];
        return undefined;
      case 'copy':
        return this.#control(typeof text === 'string' ? clipboardSequence(text) : undefined);
      case 'suspend':
        return this.#terminal.suspend();
      case 'waits':
        if (this.#options.notify !== true) return undefined;
        return this.#control(notification(`${String(name)} waits: ${String(text)}`));
      default:
        return undefined;
    }
  }

  #draw(): void {
    const frame = this.#frame.length === 1 ? this.#frame[0] : Buffer.concat(this.#frame);
    this.#frame = [];
    if (frame === undefined || !this.#attached) return;
    // Controls may be under way: the frame goes behind them, cut nowhere.
    if (this.#terminal.frames.busy) this.#terminal.frames.writeControl(frame);
    else this.#terminal.frames.writeFrame(frame);
    if (this.#terminal.frames.busy) this.#frameUnderWay = true;
    else this.#drawn();
  }

  #drawn(): void {
    this.#frameUnderWay = false;
    this.#options.client.sendEvent(this.#request, { event: 'drawn' });
  }

  #control(sequence: string | undefined): void {
    if (sequence !== undefined) this.#terminal.frames.writeControl(Buffer.from(sequence));
  }

  #type(bytes: Uint8Array): void {
    if (this.#attached) this.#options.client.sendInput(this.#request, bytes);
  }

  #resized(): void {
    if (!this.#attached) return;
    // The process was asleep, and the rest of a frame was written before: nothing is left to wait for.
    if (this.#frameUnderWay && !this.#terminal.frames.busy) this.#drawn();
    this.#options.client.sendEvent(this.#request, { event: 'resize', ...this.#terminal.size });
  }
}

/** OSC 9: iTerm2, kitty, WezTerm, Windows Terminal, foot and others show it on the desktop. */
function notification(text: string): string {
  return `\u001b]9;${printable(text, MAX_NOTIFICATION_LENGTH).replaceAll('\\', '/')}\u001b\\`;
}
