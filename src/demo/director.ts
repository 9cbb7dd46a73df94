/** Starts, kills and restarts the demo's actors and keeps what they last reported. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ActorReport, Role } from './actor.js';

/** Counts over all lives of an actor. */
export interface RoleTotals {
  readonly lives: number;
  readonly frames: number;
  readonly bytesInPlace: number;
  readonly bytesCopied: number;
  readonly skipped: number;
  readonly lost: number;
  readonly torn: number;
  readonly reconnects: number;
}

interface Actor {
  readonly role: Role;
  readonly args: readonly string[];
  process: ChildProcess | undefined;
  last: ActorReport | undefined;
  /** Reports of former lives, the last one of each. */
  readonly former: ActorReport[];
  reportedAtMs: number;
}

const KILL_AFTER_MS = 3000;

export class Director {
  readonly #actors = new Map<Role, Actor>();
  readonly #environment: NodeJS.ProcessEnv;
  #failure: string | undefined;

  /** `directory` is the runtime directory that the actors share. */
  constructor(directory: string) {
    this.#environment = { ...process.env, SLUICE_DIR: directory };
  }

  /** Why the demo cannot go on, when an actor ended by itself. */
  get failure(): string | undefined {
    return this.#failure;
  }

  start(role: Role, args: readonly string[] = []): void {
    const actor = this.#actors.get(role) ?? {
      role,
      args,
      process: undefined,
      last: undefined,
      former: [],
      reportedAtMs: 0,
    };
    this.#actors.set(role, actor);
    const module = fileURLToPath(new URL(`./${role}.js`, import.meta.url));
    const child = fork(module, [...actor.args], {
      env: this.#environment,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (errors = (errors + text).slice(-600)));
    child.on('message', (report) => {
      actor.last = report as ActorReport;
      actor.reportedAtMs = performance.now();
    });
    child.on('exit', (code) => {
      if (code !== null && code !== 0)
        this.#failure = `the ${role} ended with code ${code}: ${errors.trim()}`;
    });
    actor.process = child;
  }

  /** SIGKILL: no handler runs, nothing is tidied up. Resolves when the process is gone. */
  async kill(role: Role): Promise<void> {
    const actor = this.#actors.get(role);
    const child = actor?.process;
    if (actor === undefined || child === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    this.#retire(actor);
  }

  /** The last word of each actor that lives, and whether it is alive. */
  reports(): ReadonlyMap<Role, ActorReport | undefined> {
    return new Map(
      [...this.#actors.values()].map((actor) => [
        actor.role,
        actor.process === undefined ? undefined : actor.last,
      ]),
    );
  }

  pid(role: Role): number | undefined {
    return this.#actors.get(role)?.process?.pid;
  }

  totals(role: Role): RoleTotals {
    const actor = this.#actors.get(role);
    const lives = actor === undefined ? [] : [...actor.former, ...(actor.last ? [actor.last] : [])];
    const sum = (key: Exclude<keyof RoleTotals, 'lives'>): number =>
      lives.reduce((total, report) => total + report[key], 0);
    return {
      lives: lives.length,
      frames: sum('frames'),
      bytesInPlace: sum('bytesInPlace'),
      bytesCopied: sum('bytesCopied'),
      skipped: sum('skipped'),
      lost: sum('lost'),
      torn: sum('torn'),
      reconnects: sum('reconnects'),
    };
  }

  lastReport(role: Role): ActorReport | undefined {
    return this.#actors.get(role)?.last ?? this.#actors.get(role)?.former.at(-1);
  }

  /** Asks every actor to stop and waits; who does not is killed. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#actors.values()].map((actor) => this.#stop(actor)));
  }

  /** At a signal: at once. */
  killAll(): void {
    for (const { process: child } of this.#actors.values()) {
      // One that never began has the number 0: kill(2) takes that for all of this process's own group.
      if (child?.pid !== undefined) child.kill('SIGKILL');
    }
  }

  async #stop(actor: Actor): Promise<void> {
    const child = actor.process;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.send('stop', () => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(timer);
    actor.process = undefined;
  }

  #retire(actor: Actor): void {
    if (actor.last !== undefined) actor.former.push(actor.last);
    actor.last = undefined;
    actor.process = undefined;
  }
}
