import type { ReplyEvent } from '../input/index.js';
import { type ColorDepth, colorDepthOf } from './color-depth.js';

/** What the user's terminal can do. */
export interface TerminalCapabilities {
  readonly colors: ColorDepth;
  /** Frames shown as a whole: mode 2026, asked with DECRQM. */
  readonly synchronizedOutput: boolean;
  /** The kitty keyboard protocol, asked with CSI ? u. */
  readonly kittyKeyboard: boolean;
  /** SGR 4:3 and 58. */
  readonly underlineStyles: boolean;
  /** OSC 8. */
  readonly hyperlinks: boolean;
}

/** Mode 2026, the keyboard protocol, and last what every terminal answers: whoever did not answer before, will not. */
export const CAPABILITY_QUERY = '\u001b[?2026$p\u001b[?u\u001b[c';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says, before the terminal has answered. */
export function assumedCapabilities(environment: Environment): TerminalCapabilities {
  const terminal = environment['TERM'] ?? '';
  // The console of Linux and old terminals take sequences they do not know for others.
  const isOld = /^(?:linux|vt\d|screen|ansi|dumb|cons25)/.test(terminal) || terminal === '';
  const isAppleTerminal = environment['TERM_PROGRAM'] === 'Apple_Terminal';
  return {
    colors: colorDepthOf(environment),
    synchronizedOutput: false,
    kittyKeyboard: false,
    underlineStyles: !isOld && !isAppleTerminal,
    hyperlinks: !isOld && !isAppleTerminal,
  };
}

/** Collects the answers to CAPABILITY_QUERY. The clock is the caller's: where no answer comes, the assumption stays. */
export class CapabilityAnswers {
  #found: TerminalCapabilities;
  #complete = false;

  constructor(assumed: TerminalCapabilities) {
    this.#found = assumed;
  }

  get capabilities(): TerminalCapabilities {
    return this.#found;
  }

  /** The last answer came. */
  get complete(): boolean {
    return this.#complete;
  }

  take(reply: ReplyEvent): void {
    if (this.#complete) return;
    if (reply.about === 'attributes') this.#complete = true;
    else if (reply.about === 'keyboard') this.#found = { ...this.#found, kittyKeyboard: true };
    else if (reply.about === 'mode' && reply.mode === 2026) {
      // 1 set, 2 reset, 3 always set; 0 unknown, 4 never.
      const synchronizedOutput = reply.value >= 1 && reply.value <= 3;
      this.#found = { ...this.#found, synchronizedOutput };
    }
  }
}
