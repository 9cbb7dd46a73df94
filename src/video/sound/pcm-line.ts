/**
 * Sound of a camera as samples, decoded while somebody reads them.
 *
 * ```text
 * take() ─▶ (does anybody read?) ─▶ decoder ─▶ frames of the PCM channel
 *    └──▶ the last packets: what a decoder that starts later needs for its first samples
 * ```
 *
 * A decoder of AAC or Opus needs the packets before the first one whose samples it is to give. So one that starts is
 * given those that came last, and what it makes of them is thrown away: its samples are those of a decoder that had
 * run all the time.
 */
import type { SluiceError } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { isShortage, type NutStream } from '../ffmpeg/index.js';
import type { PacketFlow, PublishedBy } from '../camera/packet-output.js';
import { type PcmBlock, PcmDecoder, type SoundPacket } from './pcm-decoder.js';
import { pcmFormat, type PcmOptions } from './pcm-options.js';
import { PcmOutput } from './pcm-output.js';

/** Opus converges in 80 ms (RFC 7845, 4.6), which is four packets; AAC needs one or two. */
const MAX_RECENT = 8;
/**
 * A decoder that fails this often without a sample in between is not started again before the next connection, unless
 * it lacked room to start.
 */
const MAX_FAILURES = 3;
/** How long after a failure the next decoder may start: a stream that none can decode is no reason for one a packet. */
const PAUSE_NS = 1e9;

export interface PcmLineOptions extends PublishedBy {
  readonly pcm?: PcmOptions;
}

export interface PcmSurroundings {
  /** Of the packets. */
  readonly flow: PacketFlow;
  readonly ending: AbortSignal;
  readonly onFailure: (error: SluiceError) => void;
}

export class PcmLine {
  readonly #options: PcmLineOptions;
  readonly #flow: PacketFlow;
  readonly #onFailure: (error: SluiceError) => void;
  readonly #ending: AbortSignal;
  readonly #output: PcmOutput;
  #stream: NutStream | undefined;
  #decoder: PcmDecoder | undefined;
  #isWanted = false;
  #isHeld = false;
  #recent: SoundPacket[] = [];
  #failures = 0;
  #failedNs = Number.NEGATIVE_INFINITY;

  constructor(channel: string, options: PcmLineOptions, about: PcmSurroundings) {
    this.#options = options;
    this.#flow = about.flow;
    this.#onFailure = about.onFailure;
    this.#ending = about.ending;
    this.#output = new PcmOutput(
      channel,
      options,
      {
        waits: about.flow.waits,
        hold: () => this.#decoder?.hold(),
        release: () => this.#decoder?.release(),
      },
      about.ending,
    );
  }

  /** Where its samples are; undefined while there is no sound. */
  get channel(): string | undefined {
    return this.#output.publisher === undefined ? undefined : this.#output.channel;
  }

  /** The process that decodes. */
  get pid(): number | undefined {
    return this.#decoder?.pid;
  }

  /** A connection begins, with this sound or with none. */
  async begin(stream: NutStream | undefined): Promise<void> {
    const format = stream && pcmFormat(this.#options.pcm ?? {}, stream);
    this.#stream = format === undefined ? undefined : stream;
    this.#failures = 0;
    if (format === undefined) return this.#output.close();
    const before = this.#output.publisher;
    await this.#output.begin(format);
    if (before === undefined) void this.#followDemand();
  }

  take(packet: SoundPacket): void {
    if (this.#isWanted) this.#decode(packet);
    this.#recent.push(packet);
    if (this.#recent.length > MAX_RECENT) this.#recent.shift();
  }

  /** The connection is lost: what was received is still decoded. */
  async interrupt(): Promise<void> {
    this.#stream = undefined;
    this.#recent = [];
    await this.#decoder?.finish();
    await this.#output.whenEmpty();
    this.#decoder = undefined;
  }

  async close(): Promise<void> {
    this.#stream = undefined;
    await this.#dropDecoder();
    await this.#output.close();
  }

  /** Ends with the publisher, when the camera does or its sound. */
  async #followDemand(): Promise<void> {
    const publisher = this.#output.publisher;
    if (publisher === undefined) return;
    for await (const { subscribers } of publisher.demand({ signal: this.#ending })) {
      this.#isWanted = subscribers > 0;
      if (!this.#isWanted) await this.#dropDecoder();
    }
    this.#isWanted = false;
  }

  #decode(packet: SoundPacket): void {
    if (this.#decoder?.failure !== undefined) this.#forgetFailed(this.#decoder.failure);
    this.#decoder ??= this.#start();
    const decoder = this.#decoder;
    if (decoder === undefined) return;
    // Of live sound what does not fit is missing, as its times tell.
    if (decoder.isFull && !this.#flow.waits) return;
    decoder.decode(packet, false);
    if (decoder.isFull) void this.#holdUntilReady(decoder);
  }

  async #holdUntilReady(decoder: PcmDecoder): Promise<void> {
    if (!this.#flow.waits || this.#isHeld) return;
    this.#isHeld = true;
    this.#flow.hold();
    await decoder.whenReady();
    this.#isHeld = false;
    this.#flow.release();
  }

  #start(): PcmDecoder | undefined {
    const [stream, format] = [this.#stream, this.#output.publisher?.format];
    if (stream === undefined || format === undefined || this.#failures >= MAX_FAILURES) {
      return undefined;
    }
    if (monotonicNs() - this.#failedNs < PAUSE_NS) return undefined;
    const decoder = new PcmDecoder(this.#output.channel, stream, format, (block) =>
      this.#give(block),
    );
    for (const packet of this.#recent) decoder.decode(packet, true);
    return decoder;
  }

  #give(block: PcmBlock): void {
    this.#failures = 0;
    this.#output.publish(block);
  }

  #forgetFailed(error: SluiceError): void {
    this.#decoder = undefined;
    if (!isShortage(error)) this.#failures += 1;
    this.#failedNs = monotonicNs();
    this.#onFailure(error);
  }

  async #dropDecoder(): Promise<void> {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#output.forget();
    await decoder?.close();
  }
}
