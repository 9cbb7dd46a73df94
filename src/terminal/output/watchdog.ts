import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads one line or the end of its input. A line: the terminal was put back by its owner. The end without one: the owner
 * was killed. Signals that its owner may get with it (Ctrl-C, a closed terminal) do not end it before that.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE
read -r line && exit 0
printf '%b' "$1" >&3
stty "$2" <&3
`;

/**
 * A shell that puts the terminal back when this process is killed and cannot do so itself: it writes the bytes that
 * end all modes, and sets the line discipline. It waits on a pipe, whose end the kernel closes for us.
 */
export class TerminalWatchdog {
  readonly #child: ChildProcess;
  #ended = false;

  /**
   * `terminal`: a descriptor of the terminal that blocks, for the child alone. `bytes`: what ends all modes, ASCII
   * only. `stty`: see `sttyText`.
   */
  constructor(terminal: number, bytes: string, stty: string) {
    const escaped = [...bytes]
      .map((character) => `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`)
      .join('');
    // In a session of its own: what ends or stops the jobs of this terminal does not reach it.
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'sluice-watchdog', escaped, stty], {
      stdio: ['pipe', 'ignore', 'ignore', terminal],
      detached: true,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    });
    this.#child.on('error', () => {
      this.#ended = true;
    });
    this.#child.stdin?.on('error', () => {
      this.#ended = true;
    });
    this.#child.unref();
    (this.#child.stdin as { unref?: () => void } | null)?.unref?.();
  }

  /** Its process, undefined where there is no shell: then nobody watches. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The terminal is as it was: nothing is left to do. Twice is harmless. */
  dismiss(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#child.stdin?.end('done\n');
  }
}
