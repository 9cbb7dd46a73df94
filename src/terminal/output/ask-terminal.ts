import { InputDecoder } from '../input/index.js';
import {
  assumedCapabilities,
  CAPABILITY_QUERY,
  CapabilityAnswers,
  type TerminalCapabilities,
} from './capabilities.js';
import type { UserTerminal, UserTerminalEvents } from './user-terminal.js';

/** A terminal that has not answered by then does not answer; over a slow line it is taken for a simple one. */
const QUERY_TIMEOUT_MS = 400;

/**
 * Starts a terminal and asks what it can do. `early`: what was typed before it had answered. `events` get what comes
 * afterwards; the end of the terminal at any time.
 */
export async function askTerminal(
  terminal: UserTerminal,
  environment: Readonly<Record<string, string | undefined>>,
  events: UserTerminalEvents,
): Promise<{ readonly capabilities: TerminalCapabilities; readonly early: readonly Uint8Array[] }> {
  const answers = new CapabilityAnswers(assumedCapabilities(environment));
  const early: Uint8Array[] = [];
  const decoder = new InputDecoder();
  let answered = false;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, QUERY_TIMEOUT_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    terminal.start({
      ...events,
      onInput: (bytes) => {
        if (answered) return events.onInput(bytes);
        early.push(bytes.slice());
        for (const event of decoder.feed(bytes)) if (event.type === 'reply') answers.take(event);
        if (answers.complete) done();
      },
      onHangup: () => {
        done();
        events.onHangup();
      },
    });
    terminal.frames.writeControl(Buffer.from(CAPABILITY_QUERY));
  });
  answered = true;
  return { capabilities: answers.capabilities, early };
}
