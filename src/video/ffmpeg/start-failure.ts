/** Why ffmpeg could not be started: it is not there, or something is short that it needs. */
import { printable, SluiceError } from '../../core/index.js';
import { systemFailure } from '../../memory/index.js';

/** Descriptors, processes and memory: others give them back. */
const SHORTAGES: readonly unknown[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'];

/** `UNSUPPORTED` when there is no ffmpeg; what {@link isShortage} knows when there was no room for one more. */
export function startFailure(cause: Error): SluiceError {
  const { code } = cause as NodeJS.ErrnoException;
  if (SHORTAGES.includes(code)) return systemFailure('start ffmpeg', cause) as SluiceError;
  const found = code === 'ENOENT' ? 'not found' : cause.message;
  return new SluiceError('UNSUPPORTED', `cannot start ffmpeg: ${printable(found)}`, {
    remedy:
      'Install ffmpeg 5.1 or newer so that it is on the PATH (Debian: apt-get install ffmpeg).',
    cause,
  });
}

/** The system had too little of something just then: the same may succeed later. */
export function isShortage({ code, details }: SluiceError): boolean {
  return code === 'TOO_MANY_FILES' || SHORTAGES.includes(details['code']);
}
