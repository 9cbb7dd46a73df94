/** Reads a program's output from its channel and makes frames of it, at most one in 16 ms: for `terminal`. */
import { bytes, openSubscriber } from '../../index.js';
import { assumedCapabilities, FRAME_INTERVAL_MS } from '../../terminal/output/index.js';
import { Presenter } from '../../terminal/view/index.js';
import { AgentScreen } from '../../terminal/screen/index.js';
import { answer, givenTo } from '../programs-frames/given.js';

export interface ViewerGiven {
  readonly directory: string;
  readonly channel: string;
  readonly columns: number;
  readonly rows: number;
}

/** Answered once so many bytes more have come and the frame behind them is made. */
export interface ViewerTask {
  readonly totalBytes: number;
}

export interface ViewerResult {
  /** From the first of these bytes to the last frame, ms. */
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly frames: number;
  readonly frameBytes: number;
}

const { directory, channel, columns, rows } = givenTo<ViewerGiven>();
const presenter = new Presenter(
  { columns, rows, session: 'bench' },
  assumedCapabilities({ TERM: 'xterm-256color', COLORTERM: 'truecolor' }),
);
const screen = new AgentScreen({ columns: 80, rows: 24 });
const pane = { name: 'x', color: 0, state: 'working', note: '', content: screen } as const;
presenter.view.setPanes([pane]);
presenter.view.setLayout('zoom');
const size = presenter.view.paneSize('x');
if (size !== undefined) screen.resize(size.columns, size.rows);
const subscriber = await openSubscriber(channel, { format: bytes(), delivery: 'every', directory });

async function view(totalBytes: number): Promise<ViewerResult> {
  let [taken, frames, frameBytes, dueMs] = [0, 0, 0, 0];
  let startMs = -1;
  let before = process.cpuUsage();
  while (taken < totalBytes) {
    const message = subscriber.tryReceive() ?? (await subscriber.receive());
    const nowMs = performance.now();
    if (startMs < 0) [startMs, before] = [nowMs, process.cpuUsage()];
    taken += message.value.byteLength;
    screen.write(message.value);
    if (nowMs < dueMs && taken < totalBytes) continue;
    dueMs = nowMs + FRAME_INTERVAL_MS;
    frameBytes += presenter.frame().bytes.byteLength;
    frames += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return {
    elapsedMs: performance.now() - startMs,
    cpuMs: (user + system) / 1000,
    frames,
    frameBytes,
  };
}

process.on('message', ({ totalBytes }: ViewerTask) => void view(totalBytes).then(answer));
await answer({ ready: true });
