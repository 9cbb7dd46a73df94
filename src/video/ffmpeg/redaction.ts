/** Keeps passwords out of what is shown: URLs lose their user, password and query, and texts every trace of these. */

/** Shorter ones would take half of any text with them. */
export const MIN_SECRET_LENGTH = 3;

export interface ShownUrl {
  /** Without user, password and query. */
  readonly shown: string;
  /** What must never be shown: the longest first. */
  readonly secrets: readonly string[];
}

/**
 * `url`: SCHEME://[USER[:PASSWORD]@]HOST…, as ffmpeg takes it; it need not be valid. `others`: words anywhere in it that
 * must not be shown either.
 */
export function hideSecrets(url: string, others: readonly string[] = []): ShownUrl {
  const [, scheme = '', authority = '', rest = ''] =
    /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)(.*)$/i.exec(url) ?? [undefined, '', '', url];
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(0, at));
  const [path = '', query] = splitOnce(rest, '?');
  const secrets = new Set<string>();
  for (const other of others) addForms(secrets, other);
  const named = [...secrets];
  if (named.length > 0) addForms(secrets, url);
  if (user !== '') {
    const [name = '', password] = splitOnce(user, ':');
    for (const part of [url, user, password, name]) addForms(secrets, part);
  }
  if (query !== undefined) {
    addForms(secrets, url);
    addForms(secrets, query);
    for (const pair of query.split(/[&;]/)) addForms(secrets, splitOnce(pair, '=')[1]);
  }
  const shown = `${scheme}${authority.slice(at + 1)}${path}${query === undefined ? '' : '?…'}`;
  return { shown: redact(shown, longestFirst(named)), secrets: longestFirst(secrets) };
}

function longestFirst(secrets: Iterable<string>): string[] {
  return [...secrets].sort((a, b) => b.length - a.length);
}

/** The text with every secret replaced. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, '…'), text);
}

function addForms(secrets: Set<string>, part: string | undefined): void {
  if (part === undefined) return;
  for (const form of [part, decoded(part)]) {
    if (form.length >= MIN_SECRET_LENGTH) secrets.add(form);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function splitOnce(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
