import { createReadStream } from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import { MAX_CAST_LINE_LENGTH } from '../../terminal/cast/index.js';

/** Lines without their ends, whatever they are made of; one that is too long comes cut, to be refused. */
export async function* castLines(path: string): AsyncGenerator<string, void, undefined> {
  let rest = '';
  try {
    for await (const piece of createReadStream(path, { encoding: 'utf8' })) {
      const lines = (rest + (piece as string)).split('\n');
      rest = lines.pop()!;
      for (const line of lines) yield line.replace(/\r$/, '');
      if (rest.length > MAX_CAST_LINE_LENGTH) return yield rest;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new SluiceError('SYSTEM', `cannot read ${printable(path)}: ${printable(code)}`, {
      details: { path, errno: code },
      remedy: 'Name a recording that is there and that this user may read.',
      cause: error,
    });
  }
  if (rest !== '') yield rest;
}
