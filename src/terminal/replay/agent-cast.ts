import { CastWriter, terminalLine } from '../cast/index.js';
import { parseSize, TERMINAL_TYPE, USUAL_SIZE } from '../stream/index.js';
import type { RecordedAgent } from './recording.js';
import { WrittenTime } from './written-time.js';

export interface AgentCastOptions {
  /** Of the recording. What came before is there from the start. */
  readonly fromMs: number;
  readonly speed: number;
  readonly idleLimitMs: number;
  /** When the recording began, in ms since 1970. */
  readonly startedMs: number | undefined;
}

/** One agent as the lines of an asciicast, as if it had been recorded alone: what it wrote, its sizes, its end. */
export function* agentCast(
  { name, size: announced, events }: RecordedAgent,
  { fromMs, speed, idleLimitMs, startedMs }: AgentCastOptions,
): Generator<string, void, undefined> {
  const beginMs = Math.max(fromMs, events.timeMs(0));
  const time = new WrittenTime(beginMs, speed, idleLimitMs);
  const writer = new CastWriter(0);
  const first = events.type(0) === TERMINAL_TYPE.size ? parseSize(events.bytes(0)) : undefined;
  const size = first ?? announced ?? USUAL_SIZE;
  const timestamp = startedMs === undefined ? {} : { timestamp: (startedMs + beginMs) / 1000 };
  yield writer.header({ ...size, title: name, ...timestamp });
  let writtenMs = 0;
  for (let at = 0; at < events.count; at += 1) {
    const message = { type: events.type(at), bytes: events.bytes(at) };
    time.event(events.timeMs(at));
    writtenMs = time.of(Math.max(beginMs, events.timeMs(at)));
    yield terminalLine(writer, message, writtenMs);
  }
  yield writer.finish(writtenMs);
}
