/** `sluice record 'agent/*' x.cast --layout grid`: many agents in one terminal, as they run, as an asciicast. */
import { type Manifest, type MessageSubscriber, watchChannels } from '../../bus/index.js';
import { SluiceError } from '../../core/index.js';
import { monotonicNs, type TerminalSize } from '../../ffi/index.js';
import type { MessageFormat } from '../../format/index.js';
import { CastWriter } from '../../terminal/cast/index.js';
import { FramePacer } from '../../terminal/output/index.js';
import { LayoutFrames, PlayedAgent, PROGRAM_STARTS } from '../../terminal/replay/index.js';
import { agentNameOf } from '../../terminal/session/session-paths.js';
import {
  announcedSize,
  openAgentSubscriber,
  terminalMessage,
} from '../../terminal/stream/index.js';
import { type LayoutKind, nameColor } from '../../terminal/view/index.js';
import type { Run } from '../run.js';
import { CastFile } from './cast-file.js';
import type { CastRecordOptions, CastRecordStats } from './record-cast.js';

export interface LayoutRecordOptions extends CastRecordOptions {
  readonly layout: LayoutKind;
  readonly size: TerminalSize;
}

/** How often time alone is looked at: an update that was not ended, an agent that fell silent. */
const LOOK_MS = 200;

/** Every agent that matches, those that come later too, until the run ends. Rejects when the file takes no more. */
export async function recordLayout(
  run: Run,
  pattern: string,
  path: string,
  options: LayoutRecordOptions,
): Promise<CastRecordStats> {
  const file = await CastFile.create(path, options.overwrite);
  const recording = new LayoutRecording(run, file, pattern, options);
  try {
    await recording.run();
  } finally {
    await file.close();
  }
  return { events: file.events, bytes: file.byteLength, lost: recording.lost };
}

class LayoutRecording {
  lost = 0;
  readonly #run: Run;
  readonly #file: CastFile;
  readonly #pattern: string;
  readonly #options: LayoutRecordOptions;
  readonly #frames: LayoutFrames;
  readonly #pacer = new FramePacer();
  readonly #startMs = monotonicNs() / 1e6;
  readonly #writer = new CastWriter(0);
  readonly #agents = new Map<string, PlayedAgent>();
  readonly #loops = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  /** One frame is written at a time; what changes meanwhile is in the next. */
  #writing: Promise<void> | undefined;
  readonly #failed = new AbortController();

  constructor(run: Run, file: CastFile, pattern: string, options: LayoutRecordOptions) {
    this.#run = run;
    this.#file = file;
    this.#pattern = pattern;
    this.#options = options;
    const { layout, size } = options;
    this.#frames = new LayoutFrames({ ...size, layout, title: pattern });
  }

  async run(): Promise<void> {
    const { dir, size } = this.#options;
    const place = dir === undefined ? {} : { directory: dir };
    const signal = AbortSignal.any([this.#run.signal, this.#failed.signal]);
    const header = { ...size, timestamp: Date.now() / 1000, title: this.#pattern };
    await this.#file.write(this.#writer.header(header));
    const looks = setInterval(() => this.#schedule(), LOOK_MS);
    this.#schedule();
    try {
      for await (const { type, manifest } of watchChannels(this.#pattern, { ...place, signal })) {
        if (type !== 'retired') this.#follow(manifest, signal);
      }
      await Promise.all(this.#loops.values());
    } finally {
      clearInterval(looks);
      clearTimeout(this.#timer);
      await this.#writing;
    }
    this.#failed.signal.throwIfAborted();
    await this.#drawNow();
    for (const agent of this.#agents.values()) agent.close();
  }

  /** Milliseconds since the beginning. */
  get #nowMs(): number {
    return monotonicNs() / 1e6 - this.#startMs;
  }

  #follow(manifest: Manifest, signal: AbortSignal): void {
    const { channel } = manifest;
    if (this.#loops.has(channel) || signal.aborted) return;
    const loop = this.#read(manifest, signal).finally(() => this.#loops.delete(channel));
    this.#loops.set(channel, loop);
  }

  async #read(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const { dir, label = 'record' } = this.#options;
    try {
      const subscriber = await openAgentSubscriber(manifest, {
        start: 'oldest',
        label,
        signal,
        ...(dir === undefined ? {} : { directory: dir }),
      });
      if (subscriber === undefined) return;
      const close = (): void => void subscriber.close();
      signal.addEventListener('abort', close, { once: true });
      try {
        if (!signal.aborted) await this.#readAll(subscriber);
      } finally {
        signal.removeEventListener('abort', close);
        this.lost += subscriber.stats().lost;
        await subscriber.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof SluiceError)) throw error;
      this.#run.note(error.message);
    }
  }

  async #readAll(subscriber: MessageSubscriber<MessageFormat>): Promise<void> {
    const { channel } = subscriber;
    const agent = this.#agentOf(agentNameOf(channel) ?? channel, subscriber.manifest);
    let { instance } = subscriber.manifest;
    for await (const { type, value } of subscriber) {
      const nowMs = this.#nowMs;
      if (subscriber.manifest.instance !== instance) {
        instance = subscriber.manifest.instance;
        agent.take({ type: PROGRAM_STARTS, bytes: new Uint8Array() }, nowMs);
      }
      agent.take(terminalMessage(type, value), nowMs);
      this.#schedule();
    }
  }

  #agentOf(name: string, { userData }: Manifest): PlayedAgent {
    const known = this.#agents.get(name);
    if (known !== undefined) return known;
    const color = nameColor(this.#agents.size);
    const agent = new PlayedAgent({ name, color, size: announcedSize(userData) });
    this.#agents.set(name, agent);
    return agent;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#drawNow()
        .catch((error: unknown) => this.#failed.abort(error))
        .finally(() => (this.#writing = undefined));
    }, this.#pacer.delayMs(performance.now()));
  }

  async #drawNow(): Promise<void> {
    const nowMs = this.#nowMs;
    const agents = [...this.#agents.values()];
    for (const agent of agents) agent.moveTo(nowMs);
    this.#frames.setPanes(agents.map(({ pane }) => pane));
    const { sizes } = this.#frames;
    for (const agent of agents) {
      const size = sizes.get(agent.name);
      if (size !== undefined) agent.resize(size);
    }
    this.#pacer.frameDrawn(performance.now());
    await this.#file.write(this.#writer.output(this.#frames.frame(), nowMs), 1);
  }
}
