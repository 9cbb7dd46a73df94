import type { PlaybackCommand } from '../view/index.js';

export interface PlaybackOptions {
  readonly lengthMs: number;
  /** Where it begins. Default 0. */
  readonly fromMs?: number;
  /** So many times as fast; Infinity: at the end at once. Default 1. */
  readonly speed?: number;
  /** Longer pauses of all that are shown are made so short. Default: none is. */
  readonly idleLimitMs?: number;
}

/** When somebody who is shown did something last, and does next; Infinity: never again. */
export interface Neighbors {
  readonly lastMs: number;
  readonly nextMs: number;
}

const SPEEDS: readonly number[] = [0.25, 0.5, 1, 1.5, 2, 3, 4, 8, 16, 32, 64];
const JUMP_MS = 5000;
const FAR_JUMP_MS = 60_000;

/** How a recording is played: where it stands, how fast it goes, and what keys change of it. Times are given. */
export class Playback {
  readonly #lengthMs: number;
  readonly #idleLimitMs: number;
  readonly #usualSpeed: number;
  #positionMs: number;
  #speed: number;
  #paused = false;
  /** When `positionMs` was right; undefined: it was never looked at. */
  #lookedMs: number | undefined;

  constructor({ lengthMs, fromMs = 0, speed = 1, idleLimitMs = Infinity }: PlaybackOptions) {
    this.#lengthMs = lengthMs;
    this.#idleLimitMs = idleLimitMs;
    this.#usualSpeed = speed === Infinity ? 1 : speed;
    this.#speed = speed;
    this.#positionMs = Math.min(fromMs, lengthMs);
  }

  get positionMs(): number {
    return this.#positionMs;
  }

  get speed(): number {
    return this.#speed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get ended(): boolean {
    return this.#positionMs >= this.#lengthMs;
  }

  /** Goes on to where it is at `nowMs`. */
  look(nowMs: number, { lastMs, nextMs }: Neighbors): void {
    const elapsedMs = nowMs - (this.#lookedMs ?? nowMs);
    this.#lookedMs = nowMs;
    if (this.#paused) return;
    // Infinity times 0 is none.
    const playedMs = this.#speed === Infinity ? Infinity : elapsedMs * this.#speed;
    const positionMs = this.#positionMs + playedMs;
    const silentMs = Math.max(lastMs, 0) + this.#idleLimitMs;
    const goesOn = positionMs >= silentMs && positionMs < nextMs;
    this.#positionMs = Math.min(goesOn ? nextMs : positionMs, this.#lengthMs);
  }

  /** What the machine was too slow for is not made up for. */
  resume(nowMs: number): void {
    this.#lookedMs = nowMs;
  }

  /** Milliseconds from a look until `untilMs` of the recording is there; Infinity while it stands. */
  waitMs(untilMs: number, { lastMs, nextMs }: Neighbors): number {
    if (this.#paused || this.ended) return Infinity;
    const silentMs = Math.max(lastMs, 0) + this.#idleLimitMs;
    const dueMs = silentMs < nextMs ? Math.min(untilMs, silentMs) : untilMs;
    return Math.max(0, (Math.min(dueMs, this.#lengthMs) - this.#positionMs) / this.#speed);
  }

  /** What a key does to it; the others are nothing to it. `nextMs`: as in Neighbors. */
  command(command: PlaybackCommand, nextMs: number): void {
    switch (command) {
      case 'pause':
        return this.#pauseOrGoOn();
      case 'slower':
        return this.#setSpeed(SPEEDS.findLast((speed) => speed < this.#speed));
      case 'faster':
        return this.#setSpeed(SPEEDS.find((speed) => speed > this.#speed));
      case 'usual-speed':
        return this.#setSpeed(this.#usualSpeed);
      case 'back':
      case 'on':
        return this.#jump(command === 'on' ? JUMP_MS : -JUMP_MS);
      case 'far-back':
      case 'far-on':
        return this.#jump(command === 'far-on' ? FAR_JUMP_MS : -FAR_JUMP_MS);
      case 'start':
      case 'end':
        return this.#jump(command === 'end' ? Infinity : -Infinity);
      case 'step':
        this.#paused = true;
        return this.#jump(nextMs - this.#positionMs);
      default:
        return undefined;
    }
  }

  #pauseOrGoOn(): void {
    if (this.ended) {
      this.#positionMs = 0;
      this.#paused = false;
    } else this.#paused = !this.#paused;
  }

  #setSpeed(speed: number | undefined): void {
    this.#speed = speed ?? this.#speed;
  }

  #jump(ms: number): void {
    // Who goes back wants to see it.
    if (this.#speed === Infinity) this.#speed = this.#usualSpeed;
    this.#positionMs = Math.max(0, Math.min(this.#lengthMs, this.#positionMs + ms));
  }
}
