/** Lines of a stream as bytes, each bounded: a line without an end must not fill the memory. */
import { UsageError } from '../run.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * The lines without their ends, the last one also when it has none. Throws `UsageError` for a line
 * of more than `maxBytes`. The bytes are valid until the next turn.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let number = 1;
  for await (const chunk of stream) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      const piece = chunk.subarray(start, end < 0 ? chunk.length : end);
      if (restBytes + piece.length > maxBytes) throw tooLong(number, maxBytes);
      if (end < 0) {
        if (piece.length > 0) rest.push(piece);
        restBytes += piece.length;
        break;
      }
      yield withoutReturn(rest.length === 0 ? piece : Buffer.concat([...rest, piece]));
      rest = [];
      restBytes = 0;
      start = end + 1;
      number += 1;
    }
  }
  if (restBytes > 0) yield withoutReturn(Buffer.concat(rest));
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

function tooLong(number: number, maxBytes: number): UsageError {
  return new UsageError(
    `line ${number} of the input has more than ${maxBytes} bytes, which is what a message of this channel may have`,
  );
}
