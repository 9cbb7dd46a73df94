/**
 * Channel names and patterns.
 *
 * A name is one or more segments joined by `/`, at most 64 bytes: `camera/door`. A segment starts with a letter or
 * digit and goes on with `[a-z0-9._-]`. In a pattern, `*` stands for one segment and a final `**` for one or more.
 */
export const MAX_CHANNEL_NAME_BYTES = 64;

const SEGMENT = /^[a-z0-9][a-z0-9._-]*$/;

/** Why `name` is no channel name, or undefined when it is one. */
export function channelNameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string')
    return `must be a string, got ${name === null ? 'null' : typeof name}`;
  if (name === '') return 'must not be empty';
  if (name.length > MAX_CHANNEL_NAME_BYTES)
    return `must have at most ${MAX_CHANNEL_NAME_BYTES} bytes, has ${name.length}`;
  for (const segment of name.split('/')) {
    if (!SEGMENT.test(segment)) {
      return 'must be segments of a-z 0-9 . _ - that start with a letter or digit, joined by /';
    }
  }
  return undefined;
}

/** Throws `TypeError` unless `name` is a channel name. */
export function assertChannelName(name: unknown): asserts name is string {
  const problem = channelNameProblem(name);
  if (problem !== undefined) {
    throw new TypeError(
      `channel name ${JSON.stringify(name)?.slice(0, 96)} ${problem}; for example 'camera/door'`,
    );
  }
}

/** `camera/door` → `camera~door`: the stem of the channel's files in the runtime directory. */
export function channelFileStem(name: string): string {
  return name.replaceAll('/', '~');
}

/** `camera~door` → `camera/door`, or undefined when the stem belongs to no channel. */
export function channelOfFileStem(stem: string): string | undefined {
  const name = stem.replaceAll('~', '/');
  return channelNameProblem(name) === undefined ? name : undefined;
}

/** Whether `text` is a pattern (has a `*`) rather than a name. */
export function isChannelPattern(text: string): boolean {
  return text.includes('*');
}

/** Throws `TypeError` unless `pattern` is a channel name or a pattern. */
export function assertChannelPattern(pattern: unknown): asserts pattern is string {
  if (typeof pattern === 'string' && isChannelPattern(pattern)) {
    const segments = pattern.split('/');
    const good = segments.every((segment, index) => {
      if (segment === '**') return index === segments.length - 1;
      return segment === '*' || SEGMENT.test(segment.replaceAll('*', 'a'));
    });
    if (good && pattern.length <= MAX_CHANNEL_NAME_BYTES) return;
    throw new TypeError(
      `channel pattern ${JSON.stringify(pattern).slice(0, 96)} must be segments of a-z 0-9 . _ - and *, joined by /, ` +
        `with ** only as the last one; for example 'camera/*'`,
    );
  }
  assertChannelName(pattern);
}

/** A predicate over channel names. `a/*` matches one more segment, `a/**` one or more, `*` inside a segment any run. */
export function channelMatcher(pattern: string): (name: string) => boolean {
  assertChannelPattern(pattern);
  if (!isChannelPattern(pattern)) return (name) => name === pattern;
  const source = pattern
    .split('/')
    .map((segment) =>
      segment === '**' ? '.+' : segment.replaceAll('.', '\\.').replaceAll('*', '[^/]*'),
    )
    .join('/');
  const expression = new RegExp(`^${source}$`);
  return (name) => expression.test(name);
}
