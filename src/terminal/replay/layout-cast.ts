import { CastWriter } from '../cast/index.js';
import { FRAME_INTERVAL_MS } from '../output/index.js';
import type { AgentSelection } from './agent-selection.js';
import { LayoutFrames, type LayoutFramesOptions } from './layout-frames.js';
import type { Recording } from './recording.js';
import { ReplayedSession } from './replayed-session.js';
import { WrittenTime } from './written-time.js';

export interface LayoutCastOptions extends LayoutFramesOptions {
  readonly selection: AgentSelection;
  /** Of the recording. */
  readonly fromMs: number;
  readonly speed: number;
  readonly idleLimitMs: number;
}

/**
 * A recording in a layout as the lines of an asciicast: a frame when something changed, at most one in 16 ms of the
 * recording and of the file. The same recording and options make the same lines.
 */
export function* layoutCast(
  recording: Recording,
  options: LayoutCastOptions,
): Generator<string, void, undefined> {
  const { columns, rows, title, selection, fromMs, speed, idleLimitMs } = options;
  const session = new ReplayedSession(recording);
  try {
    const agents = session.agents.filter(({ name }) => selection.shows(name));
    const frames = new LayoutFrames(options);
    const showPanes = (): void => frames.setPanes(agents.map(({ pane }) => pane));
    showPanes();
    if (selection.first !== undefined) frames.focus(selection.first);
    session.resize(frames.sizes);
    const intervalMs = FRAME_INTERVAL_MS * Math.max(1, speed);
    const time = new WrittenTime(fromMs, speed, idleLimitMs);
    const writer = new CastWriter(0);
    const { startedMs } = recording;
    const timestamp = startedMs === undefined ? {} : { timestamp: (startedMs + fromMs) / 1000 };
    yield writer.header({ columns, rows, title, ...timestamp });
    for (let atMs = fromMs; ;) {
      session.advance(atMs);
      time.event(Math.max(0, ...agents.map(({ lastEventMs }) => lastEventMs)));
      showPanes();
      const bytes = frames.frame();
      if (bytes.byteLength > 0) yield writer.output(bytes, time.of(atMs));
      const nextMs = Math.min(...agents.map(({ nextChangeMs }) => nextChangeMs));
      if (nextMs > session.lengthMs) return;
      atMs = Math.max(nextMs, atMs + intervalMs);
    }
  } finally {
    session.close();
  }
}
