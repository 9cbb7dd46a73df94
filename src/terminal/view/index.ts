/** view: many panes as one picture, and what keys and mouse do in it. Pure: no terminal, no clock. */
export type { Composition } from './composer.js';
export { LAYOUT_KINDS, type LayoutKind } from './layout.js';
export { nameColor } from './name-color.js';
export type { PlaybackCommand } from './playback-keys.js';
export { clockText, type PlaybackState } from './playback-status.js';
export { View, type ViewOptions } from './view.js';
export { samePanes } from './same-panes.js';
export type { ViewPurpose } from './view-purpose.js';
export type { PaneState, ViewAction, ViewPane } from './view-pane.js';
export { ESCAPE_TIMEOUT_MS, Presenter, type PresentedFrame } from './presenter.js';
export { coloredLines, plainLines } from './screen-text.js';
export { drawEdited } from './edited-text.js';
export { drawLabel, labelColumns } from './label.js';
export { sizeOfText } from './question.js';
export { INK, ink, type Ink } from './theme.js';
