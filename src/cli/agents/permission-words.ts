/** What of an agent's output may be allowed or denied, in words: `--allow title`, and the same words in a file. */
import { DEFAULT_PERMISSIONS, type Permissions } from '../../terminal/session/index.js';
import { UsageError } from '../run.js';

const KEYS = {
  hyperlinks: 'hyperlinks',
  notifications: 'notifications',
  title: 'title',
  'eight-bit-controls': 'eightBitControls',
} as const satisfies Readonly<Record<string, keyof Permissions>>;

export type PermissionWord = keyof typeof KEYS;
export const PERMISSION_WORDS = Object.keys(KEYS) as readonly PermissionWord[];

export interface PermissionChoices {
  readonly allow?: readonly PermissionWord[] | undefined;
  readonly deny?: readonly PermissionWord[] | undefined;
  readonly clipboard?: Permissions['clipboard'] | undefined;
}

/** Those of the defaults, or of `before`, but for what was said. */
export function chosenPermissions(
  { allow = [], deny = [], clipboard }: PermissionChoices,
  before: Permissions = DEFAULT_PERMISSIONS,
): Permissions {
  const both = allow.find((word) => deny.includes(word));
  if (both !== undefined) throw new UsageError(`${both} is allowed and denied: say one of them`);
  return {
    ...before,
    ...Object.fromEntries(allow.map((word) => [KEYS[word], true])),
    ...Object.fromEntries(deny.map((word) => [KEYS[word], false])),
    ...(clipboard === undefined ? {} : { clipboard }),
  };
}
