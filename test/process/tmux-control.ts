/** A tmux server of its own, told what to do over one connection (control mode): a process for each command would cost most. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Undefined where it is there. */
export function noTmux(): string | undefined {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no tmux';
  }
}

interface Waiting {
  resolve(lines: readonly string[]): void;
  reject(error: Error): void;
}

export class TmuxControl {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = [];
  /** Lines of the answer that is coming. */
  #lines: string[] | undefined;

  /** Starts a server with one window, in which `program` runs by sh. */
  constructor(columns: number, rows: number, program: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sluice-test-tmux-'));
    const file = join(this.#folder, 'conf');
    writeFileSync(file, 'set -g status off\n');
    const words = ['-f', file, '-S', join(this.#folder, 'socket'), '-u', '-C', 'new-session'];
    const size = ['-x', `${columns}`, '-y', `${rows}`];
    const env = { ...process.env, LC_ALL: 'C.UTF-8', TMUX: '' };
    this.#child = spawn('tmux', [...words, ...size, program], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // That of new-session itself.
    this.#waiting.push({ resolve: () => undefined, reject: () => undefined });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take(line));
    void once(this.#child, 'close').then(() => this.#ended());
  }

  /** What a command prints, line by line. */
  run(command: string): Promise<readonly string[]> {
    const answer = new Promise<readonly string[]>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
    this.#child.stdin!.write(`${command}\n`);
    return answer;
  }

  #take(line: string): void {
    const word = /^%(begin|end|error) \d+ \d+ \d+$/.exec(line)?.[1];
    if (word === 'begin') this.#lines = [];
    else if (word === undefined) this.#lines?.push(line);
    else {
      const lines = this.#lines ?? [];
      this.#lines = undefined;
      const { resolve, reject } = this.#waiting.shift() ?? {};
      if (word === 'end') resolve?.(lines);
      else reject?.(new Error(`tmux: ${lines.join(' ')}`));
    }
  }

  #ended(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('tmux has ended'));
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.run('kill-server').catch(() => undefined);
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
