/**
 * One cell of a mosaic.
 *
 * ```text
 *   waiting ── a frame ──▶ live ── no frame for staleMs, or its memory is gone ──▶ dead
 *                            ▲                                                      │
 *                            └──────────────────── a frame ◀────────────────────────┘
 * ```
 *
 * Live: the picture and its label. Dead: the last picture, darkened, as long as it can be read, and since when. Waiting:
 * no picture yet.
 */
import { isSluiceError } from '../../core/index.js';
import type { VideoFormat } from '../../format/index.js';
import type { Stream } from '../../gpu/index.js';
import { type ConversionOptions, planPicture, type Region } from '../../pixels/index.js';
import { type ConversionTarget, FrameConverter } from '../conversion/frame-converter.js';
import type { VideoFrame } from '../inputs/latest-frames.js';
import { labelPicture } from './label-picture.js';
import { StillPicture } from './still-picture.js';

/** What a cell shows. */
interface Drawn {
  readonly frame: VideoFrame | undefined;
  readonly state: TileState;
  readonly sinceText: string;
}

/** Of an input of a mosaic: it has not been seen yet, has a picture, or has had none for long. */
export type TileState = 'waiting' | 'live' | 'dead';

export interface TileOptions {
  readonly channel: string;
  readonly target: VideoFormat;
  readonly region: Region;
  readonly stream: Stream | undefined;
  readonly labels: boolean;
  readonly filter: ConversionOptions['filter'];
}

const BLACK = [0, 0, 0] as const;
const DEAD_GAIN = 0.35;
/** Cells from this height on have letters of twice the size, and so on. */
const LINES_A_SCALE = 300;

export class Tile {
  readonly channel: string;
  readonly #options: TileOptions;
  readonly #live: FrameConverter;
  readonly #dead: FrameConverter;
  readonly #empty: StillPicture;
  #label: StillPicture | undefined;
  #text: string | undefined;
  /** In host memory, where cells stay from picture to picture. */
  #drawn: Drawn | undefined;
  /** Of a picture that cannot be converted. */
  #refused: VideoFormat | undefined;

  constructor(options: TileOptions) {
    this.channel = options.channel;
    this.#options = options;
    const { target, region, stream, filter = 'bilinear' } = options;
    const converter = (gain: number): FrameConverter =>
      new FrameConverter(
        (source) => planPicture(source, target, { padding: BLACK, filter, gain }, region),
        stream,
      );
    this.#live = converter(1);
    this.#dead = converter(DEAD_GAIN);
    this.#empty = StillPicture.color(BLACK, target, region, stream);
  }

  /**
   * `sinceText`: how long it has been waiting or dead, in words. In host memory `planes` must be those of the picture
   * before: what they show is not drawn again.
   */
  draw(
    frame: VideoFrame | undefined,
    state: TileState,
    sinceText: string,
    planes: readonly ConversionTarget[],
  ): void {
    const wanted = { frame, state, sinceText: state === 'dead' ? sinceText : '' };
    if (this.#isDrawn(wanted)) return;
    this.#drawn = this.#options.stream === undefined ? wanted : undefined;
    const isShown = frame !== undefined && this.#drawPicture(frame, state, planes);
    if (!isShown) this.#empty.paint(planes);
    const { labels } = this.#options;
    const words: string[] = [];
    if (labels) words.push(this.channel);
    if (state === 'dead') words.push(`no picture since ${sinceText}`);
    else if (state === 'waiting') words.push('no picture yet');
    else if (!isShown) words.push('cannot be converted');
    this.#write(words.join('  '), planes);
  }

  #isDrawn({ frame, state, sinceText }: Drawn): boolean {
    const drawn = this.#drawn;
    if (drawn === undefined || drawn.frame !== frame) return false;
    return drawn.state === state && drawn.sinceText === sinceText;
  }

  /** Blocks on a GPU until the stream is through with it. */
  close(): void {
    for (const part of [this.#live, this.#dead, this.#empty, this.#label]) part?.close();
    this.#label = undefined;
  }

  #drawPicture(frame: VideoFrame, state: TileState, planes: readonly ConversionTarget[]): boolean {
    if (this.#refused === frame.format) return false;
    try {
      (state === 'dead' ? this.#dead : this.#live).run(frame, planes);
      return true;
    } catch (error) {
      if (!isSluiceError(error, 'UNSUPPORTED')) throw error;
      this.#refused = frame.format;
      return false;
    }
  }

  #write(text: string, planes: readonly ConversionTarget[]): void {
    if (this.#text !== text) {
      this.#label?.close();
      this.#label = this.#makeLabel(text);
      this.#text = text;
    }
    this.#label?.paint(planes);
  }

  #makeLabel(text: string): StillPicture | undefined {
    const { target, region, stream } = this.#options;
    const scale = 1 + Math.floor(region.height / LINES_A_SCALE);
    const picture = text === '' ? undefined : labelPicture(text, scale, region.width);
    if (picture === undefined || picture.format.height > region.height) return undefined;
    return StillPicture.label(picture, target, region, stream);
  }
}
