/**
 * One part, kept running.
 *
 * ```text
 *              opened                     its input ended (cameras of files)
 *  starting ───────────▶ running ─────────────────────────────────────────▶ ended
 *     ▲ │ failed            │ failed, or ended by itself
 *     │ ▼                   ▼
 *   waiting, ever longer, up to a minute
 * ```
 *
 * Out of every state `stop()` leads to the end. One loop does all of it, so two of a part are never open at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSluiceError } from '../../core/index.js';
import { Backoff } from '../camera/backoff.js';
import type { CameraStatus } from '../camera/index.js';
import {
  type CameraHealth,
  CameraWatch,
  type PartHealth,
  type PartState,
} from '../health/index.js';
import { type OpenPart, openPart, type PartSurroundings } from './open-part.js';
import type { Part } from './part-spec.js';

export type PartEvent =
  | { readonly event: 'open'; readonly message: string }
  | { readonly event: 'live' | 'ended' | 'stopped' | 'healthy' }
  | { readonly event: 'unhealthy'; readonly message: string }
  | {
      readonly event: 'trouble';
      readonly code: string;
      readonly message: string;
      readonly retryInMs?: number;
    };

const LONGEST_WAIT_MS = 60_000;

export class RunningPart {
  readonly part: Part;
  /** Resolves when it has stopped; rejects with bugs only. */
  readonly done: Promise<void>;
  readonly #surroundings: PartSurroundings;
  readonly #tell: (event: PartEvent) => void;
  readonly #ending = new AbortController();
  readonly #watch: CameraWatch | undefined;
  readonly #told = new Set<string>();
  #state: PartState = 'starting';
  #open: OpenPart | undefined;
  #restarts = 0;
  #lastError = '';
  #isHealthy: boolean | undefined;

  constructor(part: Part, surroundings: PartSurroundings, tell: (event: PartEvent) => void) {
    this.part = part;
    this.#surroundings = surroundings;
    this.#tell = tell;
    const { name, spec } = part;
    if (spec.kind === 'camera') this.#watch = new CameraWatch(name, spec.staleAfterMs);
    this.done = this.#live();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#open?.close();
    await this.done;
  }

  health(): PartHealth {
    return {
      kind: this.part.spec.kind,
      name: this.part.name,
      state: this.#state,
      restarts: this.#restarts,
      lastError: this.#lastError,
      stats: this.#open?.stats?.() as PartHealth['stats'],
    };
  }

  /** Of a camera; looks at it anew, and tells when it is no longer well, or again. */
  cameraHealth(nowMs: number): CameraHealth | undefined {
    const situation = {
      stats: this.#open?.camera?.(),
      restarts: this.#restarts,
      lastError: this.#lastError,
    };
    const health = this.#watch?.look(situation, nowMs);
    if (health === undefined || health.healthy === this.#isHealthy) return health;
    const wasOpen = this.#isHealthy !== undefined;
    // A camera that is being opened has not been well yet.
    if (!health.healthy && !wasOpen) return health;
    this.#isHealthy = health.healthy;
    if (!health.healthy) this.#tell({ event: 'unhealthy', message: health.problem });
    else if (wasOpen) this.#tell({ event: 'healthy' });
    return health;
  }

  async #live(): Promise<void> {
    // Not before the constructor is through.
    await Promise.resolve();
    const backoff = new Backoff(LONGEST_WAIT_MS);
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#state = 'starting';
      const sinceMs = performance.now();
      const failure = await this.#once();
      if (signal.aborted || failure === undefined) break;
      const heldMs = this.#open === undefined ? 0 : performance.now() - sinceMs;
      this.#open = undefined;
      this.#state = 'waiting';
      // Cameras lock out who comes too often with a wrong password.
      const isDenied = isSluiceError(failure, 'CAMERA_DENIED');
      const retryInMs = isDenied ? LONGEST_WAIT_MS : backoff.next(heldMs);
      this.#isTroubled(failure, retryInMs);
      await sleep(retryInMs, undefined, { signal }).catch(() => undefined);
      this.#restarts += 1;
    }
    if (!signal.aborted) {
      this.#state = 'ended';
      this.#tell({ event: 'ended' });
      return;
    }
    this.#open = undefined;
    this.#tell({ event: 'stopped' });
  }

  /** From one opening to its end. Undefined: its input has ended, or it is being stopped. */
  async #once(): Promise<unknown> {
    const { signal } = this.#ending;
    try {
      const open = await openPart(this.part, this.#surroundings, {
        signal,
        told: this.#told,
        onCamera: (status) => this.#onCamera(status),
        onProblem: (about, error) => this.#isTroubled(error, undefined, `${about}: `),
      });
      this.#open = open;
      this.#state = 'running';
      this.#lastError = '';
      if (!signal.aborted) this.#tell({ event: 'open', message: open.about });
      const { reason, error } = await open.closed;
      await open.close();
      if (reason === 'ended' && this.part.spec.kind === 'camera') return undefined;
      return signal.aborted ? undefined : (error ?? new Error(`it has ended (${reason})`));
    } catch (error) {
      return signal.aborted ? undefined : error;
    }
  }

  #onCamera(status: CameraStatus): void {
    if (status.type === 'live') {
      this.#lastError = '';
      this.#tell({ event: 'live' });
    } else if (status.type === 'lost') this.#isTroubled(status.error, status.retryInMs);
    else if (status.type === 'decoder') this.#isTroubled(status.error);
  }

  #isTroubled(error: unknown, retryInMs?: number, before = ''): void {
    const message = before + (error instanceof Error ? error.message : String(error));
    this.#lastError = message;
    const code = isSluiceError(error) ? error.code : '';
    const again = retryInMs === undefined ? {} : { retryInMs };
    this.#tell({ event: 'trouble', code, message, ...again });
  }
}
