/**
 * Reading a small file that a stranger may have planted, without blocking on it or following it
 * elsewhere.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { SluiceError } from '../../core/index.js';
import { errnoCode, fileFailure } from './file-failure.js';
import { protocolError } from './foreign-json.js';

/** open(2): O_NONBLOCK, for a FIFO without a writer would block this thread for ever. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of a regular file, or undefined when there is none. `accept` sees the open file's status
 * and may throw.
 * Throws `SluiceError` PROTOCOL (no regular file, more than `maxBytes`, not UTF-8), ACCESS_DENIED,
 * TOO_MANY_FILES, SYSTEM. `source` starts the messages.
 */
export function readForeignText(
  path: string,
  source: string,
  maxBytes: number,
  accept: (stats: Stats) => void,
): string | undefined {
  const descriptor = open(path, source);
  if (descriptor === undefined) return undefined;
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw protocolError(source, '', 'is not a regular file');
    accept(stats);
    if (stats.size > maxBytes) {
      throw protocolError(source, '', `has ${stats.size} bytes, at most ${maxBytes} are read`);
    }
    return decode(readBytes(descriptor, stats.size), source);
  } catch (error) {
    throw fileFailure(`read the ${source}`, error);
  } finally {
    closeSync(descriptor);
  }
}

function open(path: string, source: string): number | undefined {
  try {
    return openSync(path, OPEN_FLAGS);
  } catch (error) {
    const code = errnoCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw protocolError(source, '', 'is a symbolic link');
    if (code === 'ENXIO') throw protocolError(source, '', 'is not a regular file');
    if (code === 'EACCES') {
      throw new SluiceError('ACCESS_DENIED', `${source}: this user may not read it`, {
        details: { source },
        cause: error,
      });
    }
    throw fileFailure(`open the ${source}`, error);
  }
}

/** At most `byteLength` bytes, however much a writer appends meanwhile. */
function readBytes(descriptor: number, byteLength: number): Uint8Array {
  const bytes = Buffer.alloc(byteLength);
  let filled = 0;
  while (filled < byteLength) {
    const count = readSync(descriptor, bytes, filled, byteLength - filled, filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function decode(bytes: Uint8Array, source: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw protocolError(source, '', 'is not UTF-8');
  }
}
