import { plainText } from './plain-text.js';
import { RateLimit } from './rate-limit.js';

/** What becomes of text that an agent wants in the user's clipboard. */
export const CLIPBOARD_PERMISSIONS = ['ask', 'allow', 'deny'] as const;
/** `deny` drops what an agent wants to copy, `ask` shows it to the user first, `allow` copies it. */
export type ClipboardPermission = (typeof CLIPBOARD_PERMISSIONS)[number];

/** What the user is asked. Foreign: through printable() before it is shown. */
export interface CopyRequest {
  /** Grows with each request of the same agent. */
  readonly id: number;
  readonly text: string;
}

/** `always`: what the agent copies from now on too, until it is stopped. */
export type CopyAnswer = 'once' | 'always' | 'no';

/** An agent that asks more often has its requests dropped. */
const BURST = 4;
const PER_SECOND = 0.5;

/**
 * Between an agent and the user's clipboard. One request waits at a time; the next one takes its place. An answer names the
 * request that the user was shown, whose text alone it is about: what an agent puts in its place meanwhile is neither copied
 * nor answered. Of several answers to one request the first one counts.
 */
export class ClipboardGate {
  readonly #limit = new RateLimit(BURST, PER_SECOND);
  #permission: ClipboardPermission;
  #pending: CopyRequest | undefined;
  #lastId = 0;
  #answeredId = 0;

  constructor(permission: ClipboardPermission) {
    this.#permission = permission;
  }

  get permission(): ClipboardPermission {
    return this.#permission;
  }

  /** Waits for the user. */
  get pending(): CopyRequest | undefined {
    return this.#pending;
  }

  /** An agent wants to copy. Returns what may be copied without asking; what has to be asked is `pending` then. */
  take(text: string, nowMs: number): string | undefined {
    const plain = plainText(text);
    if (this.#permission === 'deny' || plain === '' || !this.#limit.take(nowMs)) return undefined;
    if (this.#permission === 'allow') return plain;
    this.#lastId += 1;
    this.#pending = { id: this.#lastId, text: plain };
    return undefined;
  }

  /** Whether the answer counts: nobody has answered this request, or a later one, before. */
  answer({ id }: CopyRequest, answer: CopyAnswer): boolean {
    if (id <= this.#answeredId || id > this.#lastId) return false;
    this.#answeredId = id;
    if (answer === 'always') this.#permission = 'allow';
    if (answer === 'always' || this.#pending?.id === id) this.#pending = undefined;
    return true;
  }
}
