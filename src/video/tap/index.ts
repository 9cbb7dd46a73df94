/** tap: channels for programs that know nothing of Sluice, on sockets. */
export { TAP_FORMATS, type TapFormat, type TapOptions } from './options.js';
export { openTap, Tap, type TapStats } from './tap.js';
