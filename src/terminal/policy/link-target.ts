import { MAX_LENGTHS } from './permissions.js';

/** Without a backslash, which some read as a slash. */
const PRINTABLE_ASCII = /^https?:\/\/[\w[][\u0021-\u005b\u005d-\u007e]*$/i;

/**
 * The target of a link (OSC 8) as it may be shown and followed, or undefined: http or https with a host, printable ASCII, no
 * name and password in it, which make an address look like another.
 */
export function allowedTarget(uri: string): string | undefined {
  if (uri.length > MAX_LENGTHS.uri || !PRINTABLE_ASCII.test(uri) || !URL.canParse(uri)) {
    return undefined;
  }
  const { username, password, hostname } = new URL(uri);
  return username === '' && password === '' && hostname !== '' ? uri : undefined;
}
