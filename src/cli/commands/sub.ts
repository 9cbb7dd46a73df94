/** `sluice sub <channel | pattern>`: prints what comes, or stores its bytes. */
import { type Command, Option } from 'commander';
import { isChannelPattern, SluiceError } from '../../core/index.js';
import {
  describeFormat,
  type Format,
  type FormatPattern,
  type FrameFormat,
  type MessageFormat,
} from '../../format/index.js';
import { listManifests, watchChannels } from '../../bus/directory/discovery.js';
import type { Manifest } from '../../bus/directory/manifest.js';
import type { Endpoint, Status, SubscriberStats } from '../../bus/endpoint.js';
import { openSubscriber } from '../../bus/open.js';
import { Frame } from '../../bus/subscriber/received-frame.js';
import type { Message } from '../../bus/subscriber/received-message.js';
import type { SubscriberOptions } from '../../bus/subscriber/options.js';
import { atLeast, channelPattern, listOf, startPosition } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';
import { gpuName, type GpuName, memoryName, type MemoryName } from '../gpu-options.js';
import { safeJson } from '../safe-json.js';
import { ByteSink } from '../sub/byte-sink.js';
import { copyNotice, placeFailure, readingOptions } from '../sub/reading-place.js';
import { frameJson, frameLine, isPassed, messageJson, messageLine } from '../sub/unit-text.js';

interface SubOptions extends CommonOptions {
  readonly latest?: boolean;
  readonly every?: boolean;
  readonly from?: 'newest' | 'oldest' | number;
  readonly wait?: boolean;
  readonly out?: string;
  readonly frames?: number;
  readonly label?: string;
  readonly allowUid?: readonly number[];
  readonly device?: GpuName;
  readonly copyTo?: MemoryName;
}

type Unit = Frame<FrameFormat> | Message<MessageFormat>;

interface Receiver extends Endpoint<SubscriberStats> {
  receive(options: { readonly signal: AbortSignal }): Promise<Unit>;
}

export const EXAMPLES = [
  'sluice sub chat',
  'sluice sub chat --from oldest --no-wait',
  "sluice sub 'agent/*' --json",
  'sluice sub clip --device cuda:0',
  'sluice sub clip --frames 1 --out picture.nv12',
  'sluice sub clip --every --out - | ffplay -f rawvideo -pixel_format nv12 -video_size 640x480 -',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('<channel>', 'a channel, or a pattern as camera/* or camera/**', channelPattern)
    .addOption(new Option('--latest', 'the newest only (default for frames)').conflicts('every'))
    .option('--every', 'all, in order (default for messages)')
    .addOption(
      new Option('--from <where>', 'messages: newest (default), oldest or a sequence').argParser(
        startPosition('--from'),
      ),
    )
    .option('--wait', 'wait for a publisher, and for the next one when it ends (default)')
    .option('--no-wait', 'fail when nobody publishes, and end with the publisher of a channel')
    .option('--out <file>', 'store the bytes instead of printing; - for standard output')
    .addOption(
      new Option('--device <gpu>', 'frames of a GPU: read them in place on this one, as cuda:0')
        .argParser(gpuName('--device'))
        .conflicts('copyTo'),
    )
    .addOption(
      new Option(
        '--copy-to <memory>',
        'frames: host (default for those of a GPU) or cuda:N',
      ).argParser(memoryName('--copy-to')),
    )
    .option('--label <text>', 'how the publisher sees this subscriber')
    .option(
      '--allow-uid <uid>',
      'another user whose publishers are trusted; may be repeated',
      listOf(atLeast('--allow-uid', 0)),
    )
    .action((channel: string, options: SubOptions) =>
      start(options, (run) => sub(run, channel, options)),
    );
  addEndOptions(command, 'frames or messages');
}

async function sub(run: Run, channel: string, options: SubOptions): Promise<void> {
  if (run.json && options.out !== undefined) {
    throw new UsageError('--json prints and --out stores: choose one');
  }
  const sink = options.out === undefined ? undefined : await ByteSink.open(run, options.out);
  const reader = new UnitReader(run, channel, options, sink);
  try {
    await (isChannelPattern(channel) ? reader.readGroups() : reader.readChannel());
  } catch (error) {
    throw placeFailure(error);
  } finally {
    await reader.close();
    await sink?.close();
  }
}

class UnitReader {
  readonly #run: Run;
  readonly #channel: string;
  readonly #options: SubOptions;
  readonly #sink: ByteSink | undefined;
  readonly #receivers: Receiver[] = [];
  readonly #enough = new AbortController();
  readonly #signal: AbortSignal;
  /** What was said of copies, each once. */
  readonly #told = new Set<string>();
  /** Units taken one after the other, also from several groups at once. */
  #writing: Promise<void> = Promise.resolve();
  #units = 0;

  constructor(run: Run, channel: string, options: SubOptions, sink: ByteSink | undefined) {
    this.#run = run;
    this.#channel = channel;
    this.#options = options;
    this.#sink = sink;
    this.#signal = AbortSignal.any([run.signal, this.#enough.signal]);
  }

  async readChannel(): Promise<void> {
    const format = await this.#formatOf(this.#channel);
    await this.#read(await this.#open(format.kind));
  }

  /** A group has one kind of format: each kind that turns up gets its own. */
  async readGroups(): Promise<void> {
    const kinds = new Set<string>();
    const loops: Promise<void>[] = [];
    const found = this.#options.wait === false ? this.#present() : this.#watch();
    for await (const { format } of found) {
      if (kinds.has(format.kind)) continue;
      kinds.add(format.kind);
      loops.push(this.#read(await this.#open(format.kind)));
    }
    if (kinds.size === 0 && this.#options.wait === false) throw notFound(this.#channel);
    await Promise.all(loops);
  }

  async close(): Promise<void> {
    this.#enough.abort();
    await Promise.all(this.#receivers.map((receiver) => receiver.close()));
    if (this.#units > 0) this.#run.note(`${this.#units} received`);
  }

  /** What the channel carries decides how it is opened, so its announcement is awaited first. */
  async #formatOf(channel: string): Promise<Format> {
    if (this.#options.wait === false) {
      const [manifest] = this.#present();
      if (manifest === undefined) throw notFound(channel);
      return manifest.format;
    }
    let told = false;
    const tell = setTimeout(() => {
      told = true;
      this.#run.note(`waiting for ${channel}`);
    }, 300);
    try {
      for await (const { format } of this.#watch()) {
        if (told) this.#run.note(`${channel} is here`);
        return format;
      }
    } finally {
      clearTimeout(tell);
    }
    throw this.#signal.reason;
  }

  #present(): readonly { readonly format: Format }[] {
    return listManifests(this.#channel, {
      ...this.#directory(),
      allowUids: this.#options.allowUid ?? [],
      onProblem: (_path, error) => this.#run.note(`sluice: ${error.message}`),
    });
  }

  async *#watch(): AsyncGenerator<{ readonly format: Format }, void, undefined> {
    const events = watchChannels(this.#channel, {
      ...this.#directory(),
      allowUids: this.#options.allowUid ?? [],
      signal: this.#signal,
      onProblem: (_path, error) => this.#run.note(`sluice: ${error.message}`),
    });
    for await (const { type, manifest } of events) if (type !== 'retired') yield manifest;
  }

  #directory(): { readonly directory?: string } {
    const { dir } = this.#run.options;
    return dir === undefined ? {} : { directory: dir };
  }

  async #open(kind: Format['kind']): Promise<Receiver> {
    const { latest, every, from, wait, label, allowUid } = this.#options;
    const options: SubscriberOptions<FormatPattern> = {
      format: { kind } as FormatPattern,
      label: label ?? 'sluice sub',
      signal: this.#run.signal,
      ...this.#directory(),
      ...(latest === true ? { delivery: 'latest' } : {}),
      ...(every === true ? { delivery: 'every' } : {}),
      ...(from === undefined ? {} : { start: from }),
      ...(allowUid === undefined ? {} : { allow: { uids: allowUid } }),
      ...readingOptions(kind, this.#options),
      ...(wait === false && !isChannelPattern(this.#channel)
        ? { whenMissing: 'fail', whenLost: 'end' }
        : {}),
    };
    const receiver = await opensAsUsage(
      () => openSubscriber(this.#channel, options as never) as unknown as Promise<Receiver>,
    );
    this.#receivers.push(receiver);
    void this.#tellStatus(receiver);
    return receiver;
  }

  async #read(receiver: Receiver): Promise<void> {
    while (!this.#signal.aborted) {
      let unit: Unit;
      try {
        unit = await receiver.receive({ signal: this.#signal });
      } catch (error) {
        if (this.#signal.aborted) return;
        if (isPassed(error)) {
          this.#run.note(`sluice: ${(error as Error).message}`);
          continue;
        }
        const { reason, error: failure } = await receiver.closed;
        if (failure !== undefined) throw failure;
        if (reason === 'ended' || reason === 'closed') return;
        throw error;
      }
      const turn = this.#writing.then(() => this.#take(unit));
      this.#writing = turn.catch(() => undefined);
      await turn;
    }
  }

  async #take(unit: Unit): Promise<void> {
    const { frames = Infinity } = this.#options;
    try {
      if (this.#units >= frames || this.#run.ended) return;
      this.#units += 1;
      await this.#show(unit);
      if (this.#units >= frames) this.#enough.abort();
    } finally {
      if (unit instanceof Frame && !unit.released) unit.release();
    }
  }

  async #show(unit: Unit): Promise<void> {
    const many = isChannelPattern(this.#channel);
    const isFrame = unit instanceof Frame;
    if (this.#sink !== undefined) {
      if (isFrame) {
        await unit.ready({ signal: this.#run.signal });
        return this.#sink.writeFrame(unit);
      }
      return this.#sink.write(messageBytes(unit));
    }
    if (this.#run.json) this.#run.print(isFrame ? frameJson(unit) : messageJson(unit));
    else this.#run.print(isFrame ? frameLine(unit, many) : messageLine(unit, many));
  }

  async #tellStatus(receiver: Receiver): Promise<void> {
    for await (const status of receiver.status({ signal: this.#signal })) {
      if (status.type === 'connected') this.#tellCopy(status.manifest);
      this.#run.note(this.#run.json ? safeJson({ status }) : statusText(receiver.channel, status));
    }
  }

  #tellCopy(manifest: Manifest): void {
    const text = copyNotice(manifest, this.#options);
    if (text === undefined || this.#told.has(text)) return;
    this.#told.add(text);
    const { channel, memory } = manifest;
    const { copyTo = 'host' } = this.#options;
    this.#run.note(this.#run.json ? safeJson({ copy: { channel, memory, copyTo, text } }) : text);
  }
}

function messageBytes({ value }: Message<MessageFormat>): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

function statusText(channel: string, status: Status): string {
  switch (status.type) {
    case 'connected':
      return `${status.manifest.channel}: ${describeFormat(status.manifest.format)}`;
    case 'epoch':
      return `${channel}: epoch ${status.epoch}, ${describeFormat(status.format)}`;
    case 'gap':
      return `${channel}: ${status.from} to ${status.to} were missed (${status.cause})`;
    case 'lost':
      return `${channel}: the publisher is gone (${status.reason})`;
  }
}

function notFound(channel: string): SluiceError {
  return new SluiceError('CHANNEL_NOT_FOUND', `nobody publishes ${channel}`, {
    details: { channel },
    remedy: 'Leave --no-wait out to wait for it, or see what there is with `sluice ls`.',
  });
}
