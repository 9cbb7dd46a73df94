import type { Ink } from './theme.js';
import { INK } from './theme.js';

/** Where a recording that is shown stands. */
export interface PlaybackState {
  readonly paused: boolean;
  /** It is on its way to `positionMs`, which takes a moment. */
  readonly seeking: boolean;
  readonly positionMs: number;
  readonly lengthMs: number;
  /** So many times as fast as it was recorded. */
  readonly speed: number;
  /** Agents that are not shown. */
  readonly hidden: number;
}

const BAR_COLUMNS = 24;
/** A narrower terminal has no room for the bar. */
const MIN_COLUMNS_WITH_BAR = 100;

/** `0:05`, `12:34`, `1:02:03`. */
export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) =>
    String(part).padStart(2, '0'),
  );
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':').replace(/^0/, '');
}

/** The start of the status line: position, length, speed. */
export function playbackParts(
  { paused, seeking, positionMs, lengthMs, speed }: PlaybackState,
  columns: number,
): readonly (readonly [text: string, ink: Ink])[] {
  const symbol = seeking ? '…' : positionMs >= lengthMs ? '■' : paused ? '‖' : '▶';
  const share = lengthMs === 0 ? 1 : positionMs / lengthMs;
  const played = Math.round(share * BAR_COLUMNS);
  const bar: readonly (readonly [string, Ink])[] =
    columns < MIN_COLUMNS_WITH_BAR
      ? []
      : [
          ['━'.repeat(played), INK.accent],
          [`${'─'.repeat(BAR_COLUMNS - played)} `, INK.dim],
        ];
  return [
    [` ${symbol} `, INK.accent],
    ...bar,
    [clockText(positionMs), INK.bold],
    [` / ${clockText(lengthMs)} `, INK.dim],
    [speed === Infinity ? 'max ' : `×${speed} `, speed === 1 ? INK.dim : INK.accent],
  ];
}
