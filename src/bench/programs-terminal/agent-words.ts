/** What agents write: words as they come, and lines of a log. */

const WORDS =
  'the quick agent reads a file and writes another one while tests run in src/ring'.split(' ');

export function sentence(seed: number, words: number): string {
  return Array.from(
    { length: words },
    (_word, index) => WORDS[(seed * 7 + index * 3) % WORDS.length],
  ).join(' ');
}

/** What an agent writes at one step of so many a second. */
export type AgentText = 'words' | 'lines';

export const STEPS_PER_SECOND = 50;
const WORDS_A_LINE = 8;
/** 1,000 a second. */
export const LINES_A_STEP = 20;
/** With the line feed. */
const LINE_CHARS = 65;

export function textOf(kind: AgentText, agent: number, step: number): string {
  if (kind === 'words') {
    return `${sentence(agent * 31 + step, 1)}${step % WORDS_A_LINE === WORDS_A_LINE - 1 ? '\n' : ' '}`;
  }
  const lines = Array.from({ length: LINES_A_STEP }, (_line, index) => {
    const number = step * LINES_A_STEP + index;
    const start = `${String(number).padStart(8, '0')} ${sentence(agent + number, 12)}`;
    return `${start.slice(0, LINE_CHARS - 1).padEnd(LINE_CHARS - 1, '.')}\n`;
  });
  return lines.join('');
}
