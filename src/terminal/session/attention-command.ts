import { spawn } from 'node:child_process';
import { printable } from '../../core/index.js';
import type { AgentInfo } from './session-pane.js';

/** So many at once; who waits meanwhile is shown by the viewers and `sluice agents next`. */
const MAX_RUNNING = 4;
const TIMEOUT_MS = 10_000;

/**
 * Runs the user's command when an agent begins to wait. What the agent says reaches it as variables of the environment,
 * made printable: never as a part of the command.
 */
export class AttentionCommand {
  readonly #onNotice: (text: string) => void;
  #running = 0;
  /** For `sh -c`. */
  command: string | undefined;

  constructor(onNotice: (text: string) => void) {
    this.#onNotice = onNotice;
  }

  run({ name, attention }: AgentInfo, session: string): void {
    if (this.command === undefined || this.#running === MAX_RUNNING) return;
    this.#running += 1;
    const child = spawn('/bin/sh', ['-c', this.command], {
      env: {
        ...process.env,
        SLUICE_AGENT: name,
        SLUICE_SESSION: session,
        SLUICE_ATTENTION: attention.state,
        SLUICE_ATTENTION_SOURCE: attention.source,
        SLUICE_ATTENTION_TEXT: printable(attention.text),
      },
      stdio: 'ignore',
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let over = false;
    const end = (problem: string | undefined): void => {
      if (over) return;
      over = true;
      this.#running -= 1;
      if (problem !== undefined) this.#onNotice(`the command of --notify-command ${problem}`);
    };
    child.once('error', ({ message }) => end(printable(message)));
    child.once('exit', (code, signal) => {
      end(code === 0 ? undefined : `ended with ${code ?? signal ?? 'nothing'}`);
    });
  }
}
