/**
 * Copies words out of a ring into private memory. Short runs go word by word: `subarray` makes an object, which a
 * reader that keeps up with single messages would pay for each of them.
 */
/** One memory, seen as words and as bytes. */
export interface Words {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

/** Up to here the loop is about as fast as `subarray` and `set`. */
const SHORT_RUN_WORDS = 128;

/** Copies `count` words, a multiple of 4, from word `from` of the source to word `at` of the target. */
export function copyRun(
  source: Words,
  from: number,
  count: number,
  target: Words,
  at: number,
): void {
  if (count > SHORT_RUN_WORDS) {
    target.bytes.set(source.bytes.subarray(from * 4, (from + count) * 4), at * 4);
    return;
  }
  const run = source.words;
  const copy = target.words;
  for (let i = 0; i < count; i += 4) {
    copy[at + i] = run[from + i] as number;
    copy[at + i + 1] = run[from + i + 1] as number;
    copy[at + i + 2] = run[from + i + 2] as number;
    copy[at + i + 3] = run[from + i + 3] as number;
  }
}

/** Private memory to copy into. */
export function privateWords(byteLength: number): Words {
  const bytes = new Uint8Array(byteLength);
  return { bytes, words: new Int32Array(bytes.buffer) };
}
