import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, printable, SluiceError } from '../../core/index.js';
import type { ActorWord } from './perform.js';

const KILL_AFTER_MS = 3000;

/** A process of the play: told to stop it says how many lines it said, one number an agent, and ends. */
export class TextActor {
  /** Rejects when it cannot play, with its reason; never resolves. */
  readonly failure: Promise<never>;
  /** Resolves when the process ends without having been told to: how, in a few words. */
  readonly death: Promise<string>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #stopping = false;
  #said: readonly number[] = [];

  /** `program`: a module of this folder; `given`: what it is started with. */
  constructor(program: string, given: object, directory: string) {
    const module = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
    this.#child = fork(module, [JSON.stringify(given)], {
      env: { ...process.env, SLUICE_DIR: directory },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-600);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      // It never began, and has nothing to close.
      this.#child.once('error', () => resolve());
    });
    this.failure = new Promise((_resolve, reject) => {
      this.#child.once('error', ({ message }) => {
        this.#stopping = true;
        reject(new SluiceError('SYSTEM', `cannot start an agent of the demo: ${message}`));
      });
      this.#child.on('message', (word: ActorWord) => {
        if ('said' in word) this.#said = word.said;
        else {
          this.#stopping = true;
          const { code, message, remedy } = word;
          reject(new SluiceError(code as ErrorCode, message, { remedy }));
        }
      });
    });
    this.death = new Promise((resolve) => {
      void this.#ended.then(() => {
        const { signalCode, exitCode } = this.#child;
        const how = signalCode ?? `exit code ${exitCode}`;
        if (!this.#stopping)
          resolve(`${how}${errors === '' ? '' : `: ${printable(errors.trim())}`}`);
      });
    });
    // Whoever does not wait for it has no failure to be told of.
    this.failure.catch(() => undefined);
  }

  async stop(): Promise<readonly number[]> {
    this.#stopping = true;
    if (this.#child.connected) this.#child.send('stop', () => undefined);
    const timer = setTimeout(() => this.kill(), KILL_AFTER_MS);
    await this.#ended;
    clearTimeout(timer);
    return this.#said;
  }

  kill(): void {
    this.#stopping = true;
    // One that never began has the number 0: kill(2) takes that for all of this process's own group.
    if (this.#child.pid !== undefined) this.#child.kill('SIGKILL');
  }
}
