import { printable } from '../../core/index.js';
import { MAX_LENGTHS, type Permissions } from '../policy/index.js';
import type { ScreenSignal } from './signals.js';
import type { Xterm } from './xterm.js';

/** What the handlers of strings that are signals need. */
export interface SignalContext {
  readonly xterm: Xterm;
  readonly permissions: Permissions;
  signal(signal: ScreenSignal): void;
}

const PROGRESS = ['none', 'running', 'error', 'indeterminate', 'paused'] as const;

/** OSC 9;4;state;percent. */
function progressOf(text: string): ScreenSignal | undefined {
  const parts = /^4;([0-4])(?:;(\d{1,3}))?$/.exec(text);
  const state = PROGRESS[Number(parts?.[1] ?? Number.NaN)];
  if (state === undefined) return undefined;
  return { type: 'progress', state, percent: Math.min(100, Number(parts?.[2] ?? 0)) };
}

const PROMPT_MARKS = { A: 'prompt', B: 'input', C: 'output', D: 'finished' } as const;

/** OSC 133;letter[;…], where D may be followed by an exit code. */
function promptOf(text: string): ScreenSignal | undefined {
  const parts = /^([ABCD])(?:;(\d{1,3})(?=;|$))?(?:;|$)/.exec(text);
  const mark = PROMPT_MARKS[(parts?.[1] ?? '') as keyof typeof PROMPT_MARKS];
  if (mark === undefined) return undefined;
  const code = parts?.[2];
  return mark === 'finished' && code !== undefined
    ? { type: 'prompt', mark, exitCode: Number(code) }
    : { type: 'prompt', mark };
}

function clean(text: string): string {
  return printable(text, MAX_LENGTHS.notification);
}

/** OSC 777;notify;title;text. */
function desktopNotification(text: string): ScreenSignal | undefined {
  const [verb, title, ...rest] = text.split(';');
  if (verb !== 'notify') return undefined;
  return { type: 'notification', title: clean(title ?? ''), text: clean(rest.join(';')) };
}

/** OSC 99;metadata;text (kitty): texts that came whole; the parts of longer ones are not put together. */
function kittyNotification(text: string): ScreenSignal | undefined {
  const separator = text.indexOf(';');
  if (separator < 0) return undefined;
  const metadata = text.slice(0, separator).split(':');
  const payload = text.slice(separator + 1);
  if (metadata.includes('e=1')) return undefined;
  const isText = metadata.includes('p=body') || metadata.includes('p=title');
  if (!isText && metadata.some((pair) => pair.startsWith('p='))) return undefined;
  return { type: 'notification', title: '', text: clean(payload) };
}

/** OSC 52;selection;base64. Questions (`?`) have no answer. */
function copied(text: string): ScreenSignal | undefined {
  const data = text.slice(text.indexOf(';') + 1);
  if (data === '' || data === '?' || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return undefined;
  return { type: 'clipboard', text: Buffer.from(data, 'base64').toString('utf8') };
}

/** Takes what is a signal out of the stream, as far as the agent may send it. */
export function takeSignals({ xterm, permissions, signal }: SignalContext): void {
  const on = (
    code: number,
    maxLength: number,
    read: (text: string) => ScreenSignal | undefined,
  ): void => {
    xterm.onCommand(code, maxLength, (text) => {
      const found = text === undefined ? undefined : read(text);
      if (found !== undefined) signal(found);
    });
  };
  const nothing = (): undefined => undefined;
  const { notifications, title, clipboard } = permissions;
  const titleOf = (text: string): ScreenSignal => ({
    type: 'title',
    text: printable(text, MAX_LENGTHS.title),
  });
  on(0, MAX_LENGTHS.title, title ? titleOf : nothing);
  on(1, MAX_LENGTHS.title, nothing);
  on(2, MAX_LENGTHS.title, title ? titleOf : nothing);
  on(9, MAX_LENGTHS.notification, (text) => {
    if (text.startsWith('4;')) return progressOf(text);
    return notifications ? { type: 'notification', title: '', text: clean(text) } : undefined;
  });
  on(99, MAX_LENGTHS.notification, notifications ? kittyNotification : nothing);
  on(777, MAX_LENGTHS.notification, notifications ? desktopNotification : nothing);
  on(133, MAX_LENGTHS.other, promptOf);
  on(52, MAX_LENGTHS.clipboard, clipboard === 'deny' ? nothing : copied);
  for (const palette of [4, 12, 104, 110, 111, 112]) on(palette, MAX_LENGTHS.other, nothing);
}
