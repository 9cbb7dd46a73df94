import type { ClipboardPermission } from './clipboard-gate.js';

/**
 * What the output of an agent may do beyond its own pane. Inside it, everything is allowed that stays there: SGR, cursor,
 * erase, scroll regions, the alternate screen, its own keyboard and mouse modes. What is not named here is never allowed:
 * palettes, fonts and window operations, DCS, APC, PM and SOS strings, modes of the user's own terminal.
 */
export interface Permissions {
  /** OSC 8 to http and https addresses. */
  readonly hyperlinks: boolean;
  /** OSC 52: what it wants to copy is dropped, shown to the user first, or copied. Reading is never allowed. */
  readonly clipboard: ClipboardPermission;
  /** OSC 0, 1, 2. */
  readonly title: boolean;
  /** OSC 9, 99 and 777, and the bell: as a signal to the attention queue, never as bytes. */
  readonly notifications: boolean;
  /** C1 controls as U+0080 to U+009F. Denied, they are shown as U+FFFD. */
  readonly eightBitControls: boolean;
}

/** What agents may do where nothing else was said. */
export const DEFAULT_PERMISSIONS: Permissions = Object.freeze({
  hyperlinks: true,
  clipboard: 'ask',
  title: false,
  notifications: true,
  eightBitControls: false,
});

/** Lengths in UTF-16 units. A longer string is dropped as a whole: half of it could mean something else. */
export const MAX_LENGTHS = Object.freeze({
  uri: 2083,
  linkId: 256,
  clipboard: 64 * 1024,
  title: 1024,
  notification: 2048,
  /** Of any other control string that is looked at. */
  other: 256,
});
