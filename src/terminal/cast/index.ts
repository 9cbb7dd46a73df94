/** asciicast: a terminal as it ran, in the file of asciinema. Pure: lines in, lines out. */
export type { CastEvent, CastHeader } from './cast-event.js';
export { CastReader, MAX_CAST_LINE_LENGTH } from './cast-reader.js';
export { CastWriter } from './cast-writer.js';
export { terminalLine } from './terminal-line.js';
