/**
 * What the agents of `sluice demo text` say: the same for everybody who knows an agent's number and how many lines came
 * before, so that whoever reads a line can tell whether it is whole. Kernels say the same from the table of phrases.
 */
import { TEXT_TYPE } from '../../terminal/index.js';

export interface TranscriptLine {
  /** Of `TEXT_TYPE`. */
  readonly type: number;
  readonly text: string;
}

/** Type and words; ASCII, at most `PHRASE_BYTES`. */
const PHRASES: readonly (readonly [type: number, words: string])[] = [
  [TEXT_TYPE.system, 'session opened, 3 tools allowed'],
  [TEXT_TYPE.user, 'the tests of the parser fail since Monday, please have a look'],
  [TEXT_TYPE.assistant, 'I will read the failing test first, then what it calls.'],
  [TEXT_TYPE.info, 'read src/parser/tokens.ts, 212 lines'],
  [TEXT_TYPE.debug, 'context 18 %, 4 files, 1 open question'],
  [TEXT_TYPE.assistant, 'The tokenizer drops a line break after a comment. I change one line.'],
  [TEXT_TYPE.trace, 'edit src/parser/tokens.ts:88 +1 -1'],
  [TEXT_TYPE.info, 'npm test -- parser'],
  [TEXT_TYPE.error, '1 of 84 failed: comment at the end of the file'],
  [TEXT_TYPE.assistant, 'The end of the file is a case of its own. Both are covered now.'],
  [TEXT_TYPE.warning, 'the change touches a file that another agent has open'],
  [TEXT_TYPE.info, '84 of 84 passed in 1.9 s'],
];

const PHRASE_COUNT = PHRASES.length;

/** Room for the longest phrase. */
const PHRASE_BYTES = 80;

/** A line: a phrase and, behind it, how many lines came before. Agents begin at different places. */
export function lineOf(agent: number, index: number): TranscriptLine {
  const [type, words] = PHRASES[(agent * 5 + index) % PHRASE_COUNT]!;
  return { type, text: `${words} [${index}]` };
}

/** For the kernel (kernels/speech-layout.h): rows of `PHRASE_BYTES` + 2: length, type, words. */
export function phraseTable(): Uint8Array {
  const rowBytes = PHRASE_BYTES + 2;
  const table = new Uint8Array(PHRASE_COUNT * rowBytes);
  for (const [row, [type, words]] of PHRASES.entries()) {
    table[row * rowBytes] = words.length;
    table[row * rowBytes + 1] = type;
    table.set(Buffer.from(words, 'latin1'), row * rowBytes + 2);
  }
  return table;
}
