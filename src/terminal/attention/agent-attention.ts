import type { ScreenSignal } from '../screen/index.js';
import {
  ATTENTION_SOURCES,
  type Attention,
  type AttentionSource,
  type AttentionState,
  MAX_ATTENTION_TEXT,
  type ProgramEnd,
} from '../stream/index.js';

/** A program that has been silent for so long is taken to be idle, when nobody knows better. */
export const SILENCE_MS = 10_000;

/**
 * What is known of one agent. The best source that has spoken since its program started decides: once there are hooks,
 * what its output looks like changes nothing. One exception: whoever waits is taken to work again when the user has
 * answered, because an answered question has no hook of its own. All times are given.
 */
export class AgentAttention {
  #now: Attention;
  #best: AttentionSource = 'guess';
  #lastOutputMs: number;

  constructor(nowMs: number) {
    this.#lastOutputMs = nowMs;
    this.#now = { state: 'idle', text: '', source: 'guess', sinceMs: nowMs };
  }

  get current(): Attention {
    return this.#now;
  }

  /** A program starts (again): what was said of the one before is over. True when the state is another one. */
  started(nowMs: number): boolean {
    this.#best = 'guess';
    this.#lastOutputMs = nowMs;
    return this.#set('working', '', 'guess', nowMs);
  }

  ended({ exitCode, signal }: ProgramEnd, nowMs: number): boolean {
    this.#best = 'exit';
    const text = signal === undefined ? `exited with ${exitCode ?? 0}` : `ended by ${signal}`;
    return this.#set('done', text, 'exit', nowMs);
  }

  /** By a hook (`sluice agents report`), or a typed message. True when something changed. */
  reported(state: AttentionState, text: string, source: AttentionSource, nowMs: number): boolean {
    if (rank(source) > rank(this.#best)) return false;
    this.#best = source;
    return this.#set(state, text, source, nowMs);
  }

  /** Something the output said beside what it shows. */
  signalled(signal: ScreenSignal, nowMs: number): boolean {
    switch (signal.type) {
      case 'bell':
        return this.#guess('waits', 'rang the bell', nowMs);
      case 'notification': {
        const text = [signal.title, signal.text].filter((part) => part !== '').join(': ');
        return this.reported('waits', text, 'signal', nowMs);
      }
      case 'progress':
        if (signal.state === 'none') return false;
        if (signal.state === 'error')
          return this.reported('waits', 'reports an error', 'signal', nowMs);
        return this.reported('working', '', 'signal', nowMs);
      case 'prompt':
        return this.#prompted(signal.mark, signal.exitCode, nowMs);
      default:
        return false;
    }
  }

  #prompted(
    mark: 'prompt' | 'input' | 'output' | 'finished',
    exitCode: number | undefined,
    nowMs: number,
  ): boolean {
    if (mark === 'output') return this.reported('working', '', 'signal', nowMs);
    if (mark === 'finished') {
      // A prompt that was left empty has finished nothing.
      if (this.#now.state !== 'working') return false;
      const text =
        exitCode === undefined || exitCode === 0 ? '' : `command failed with ${exitCode}`;
      return this.reported('done', text, 'signal', nowMs);
    }
    if (this.#now.state === 'done' && this.#now.source === 'signal') return false;
    return this.reported('idle', '', 'signal', nowMs);
  }

  /** It wrote something. */
  wrote(nowMs: number): boolean {
    this.#lastOutputMs = nowMs;
    if (this.#best !== 'guess' || this.#now.state === 'waits') return false;
    return this.#now.state === 'working' ? false : this.#guess('working', '', nowMs);
  }

  /** The user typed something that ends a line or answers a question. */
  answered(nowMs: number): boolean {
    if (this.#now.state !== 'waits') return false;
    return this.#set('working', '', 'guess', nowMs);
  }

  /** Time has passed. Called every second or so. */
  looked(nowMs: number): boolean {
    if (this.#best !== 'guess' || this.#now.state !== 'working') return false;
    if (nowMs - this.#lastOutputMs < SILENCE_MS) return false;
    return this.#guess('idle', 'silent', nowMs);
  }

  #guess(state: AttentionState, text: string, nowMs: number): boolean {
    if (this.#best !== 'guess') return false;
    return this.#set(state, text, 'guess', nowMs);
  }

  #set(state: AttentionState, text: string, source: AttentionSource, nowMs: number): boolean {
    const cut = text.slice(0, MAX_ATTENTION_TEXT);
    const { state: before, text: textBefore, source: sourceBefore, sinceMs } = this.#now;
    if (state === before && cut === textBefore && source === sourceBefore) return false;
    // Waiting goes on while only its words change: who waits the longest comes first.
    this.#now = { state, text: cut, source, sinceMs: state === before ? sinceMs : nowMs };
    return true;
  }
}

function rank(source: AttentionSource): number {
  return ATTENTION_SOURCES.indexOf(source);
}
