/** What programs print all day: lines of a log, no colours, no letters beyond ASCII. */

const WORDS =
  'GET POST ok cache miss worker request retry timeout user session token index shard replica commit'.split(
    ' ',
  );
const LINE_BYTES = 72;

/** So many bytes, in whole lines as far as they fit; the same for the same `seed`. */
export function logOf(byteLength: number, seed = 0): Uint8Array {
  let text = '';
  for (let line = 0; text.length < byteLength; line += 1) {
    let row = `2026-11-29T12:00:${String(line % 60).padStart(2, '0')}.${String(line % 1000).padStart(3, '0')}Z`;
    for (let word = 0; row.length < LINE_BYTES - 10; word += 1) {
      row += ` ${WORDS[(seed + line * 7 + word * 3) % WORDS.length]}`;
    }
    text += `${row}\r\n`;
  }
  return Buffer.from(text.slice(0, byteLength), 'latin1');
}
