/** All parts of a file in this process. A new plan stops and starts what differs, and nothing else. */
import { isDeepStrictEqual } from 'node:util';
import { printable } from '../../core/index.js';
import { redact } from '../ffmpeg/index.js';
import { type CameraHealth, type Health, healthOf } from '../health/index.js';
import type { Plan } from './config.js';
import type { Part, PartSpec } from './part-spec.js';
import { type PartEvent, RunningPart } from './running-part.js';

export type UpEvent = PartEvent & { readonly kind: PartSpec['kind']; readonly name: string };

export interface SupervisorOptions {
  /** Runtime directory; undefined: the process's own. */
  readonly directory: string | undefined;
  readonly version: string;
  /** Told of everything, in text that is safe to show. */
  readonly onEvent: (event: UpEvent) => void;
}

/** What a plan changed. */
export interface PlanChange {
  readonly started: number;
  readonly stopped: number;
  readonly kept: number;
}

const LOOK_EVERY_MS = 500;
const MAX_MESSAGE = 1000;

export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, RunningPart>();
  readonly #secrets = new Set<string>();
  readonly #looking: NodeJS.Timeout;
  /** Plans are put into effect one after the other. */
  #applying: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#looking = setInterval(() => this.#cameras(), LOOK_EVERY_MS);
  }

  /** Resolves when what is no longer wanted has stopped, and the rest has been begun. */
  apply(plan: Plan): Promise<PlanChange> {
    const applied = this.#applying.then(() => this.#apply(plan));
    this.#applying = applied.catch(() => undefined);
    return applied;
  }

  health(): Health {
    const parts = [...this.#running.values()].map((running) => {
      const health = running.health();
      return { ...health, lastError: this.#shown(health.lastError) };
    });
    return healthOf(this.#cameras(), parts);
  }

  /** Stops everything. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    await this.#applying;
    // Those that tell of the others go last.
    const all = [...this.#running.values()];
    const tells = ({ part }: RunningPart): boolean => /^(?:metrics|mqtt)$/.test(part.spec.kind);
    await this.#stop(all.filter((running) => !tells(running)));
    await this.#stop(all.filter(tells));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #apply({ parts, secrets }: Plan): Promise<PlanChange> {
    // What was secret stays so: messages of what is being stopped still come.
    for (const secret of secrets) this.#secrets.add(secret);
    const wanted = new Map(parts.map((part) => [keyOf(part), part]));
    const gone = [...this.#running.values()].filter(({ part }) => {
      return !isDeepStrictEqual(wanted.get(keyOf(part))?.spec, part.spec);
    });
    await this.#stop(gone);
    const fresh = parts.filter((part) => !this.#running.has(keyOf(part)));
    const kept = this.#running.size;
    if (this.#closed) return { started: 0, stopped: gone.length, kept };
    for (const part of fresh) this.#start(part);
    return { started: fresh.length, stopped: gone.length, kept };
  }

  #start(part: Part): void {
    const { directory, version } = this.#options;
    const surroundings = { directory, version, health: () => this.health() };
    const tell = (event: PartEvent): void => this.#tell(part, event);
    this.#running.set(keyOf(part), new RunningPart(part, surroundings, tell));
  }

  async #stop(running: readonly RunningPart[]): Promise<void> {
    await Promise.all(running.map((one) => one.stop()));
    for (const { part } of running) this.#running.delete(keyOf(part));
  }

  #cameras(): CameraHealth[] {
    const nowMs = performance.now();
    return [...this.#running.values()].flatMap((running) => {
      const health = running.cameraHealth(nowMs);
      if (health === undefined) return [];
      const { problem, lastError } = health;
      return [{ ...health, problem: this.#shown(problem), lastError: this.#shown(lastError) }];
    });
  }

  #tell({ name, spec }: Part, event: PartEvent): void {
    const { kind } = spec;
    if (!('message' in event)) return this.#options.onEvent({ ...event, kind, name });
    this.#options.onEvent({ ...event, message: this.#shown(event.message), kind, name });
  }

  #shown(text: string): string {
    const secrets = [...this.#secrets].sort((a, b) => b.length - a.length);
    return printable(redact(text, secrets), MAX_MESSAGE);
  }
}

function keyOf({ name, spec }: Part): string {
  return `${spec.kind} ${name}`;
}
