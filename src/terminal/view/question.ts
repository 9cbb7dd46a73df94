import type { Key } from '../input/index.js';
import type { CopyRequest } from '../policy/index.js';
import type { ViewAction } from './view-pane.js';

/** Something the user asked to be asked, in the status line: the next key is the answer, or takes the question back. */
export interface Question {
  readonly text: string;
  /** What the user wants; undefined: nothing. */
  answer(key: Key): ViewAction | undefined;
}

/** The beginning of a text that is to be copied; the status line shows what has room. */
const MAX_SHOWN = 200;

export function stopQuestion(pane: string): Question {
  return {
    text: `stop ${pane}? y/n`,
    answer: ({ name }) => (name === 'y' || name === 'Y' ? { type: 'kill', pane } : undefined),
  };
}

/** Holds on to the request that it shows, whatever the agent wants meanwhile. */
export function copyQuestion(pane: string, request: CopyRequest): Question {
  return {
    text: `copy for ${pane}? y yes, n no, a always: ${sizeOfText(request.text)}: ${beginning(request)}`,
    answer: (key) => {
      const answer = COPY_ANSWERS[key.name.toLowerCase()];
      const isPlain = !key.ctrl && !key.alt && !key.super;
      if (answer === undefined || !isPlain) return undefined;
      return { type: 'answer-copy', pane, request, answer };
    },
  };
}

const COPY_ANSWERS = Object.freeze({ y: 'once', a: 'always', n: 'no' } as const) as Readonly<
  Record<string, 'once' | 'always' | 'no' | undefined>
>;

/** What is said of a request before the user has pressed anything. */
export function copyHint(pane: string, request: CopyRequest, prefix: string): string {
  return `${pane} wants to copy ${sizeOfText(request.text)}, ${prefix} y answers: ${beginning(request)}`;
}

/** `23 characters in 2 lines`. */
export function sizeOfText(text: string): string {
  const count = [...text].length;
  const characters = `${count} ${count === 1 ? 'character' : 'characters'}`;
  const lines = text.split('\n').length;
  return lines === 1 ? characters : `${characters} in ${lines} lines`;
}

function beginning({ text }: CopyRequest): string {
  return text.length > MAX_SHOWN ? `"${text.slice(0, MAX_SHOWN)}…` : `"${text}"`;
}
