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
import { detectionMarks } from '../overlay/detection-marks.js';
import { type Color, letterScale, lettersOf, type Mark } from '../overlay/mark.js';
import type { RecentDetections } from '../overlay/recent-detections.js';
import { StillPicture } from './still-picture.js';

/** The picture that a cell shows; undefined: black. */
interface Drawn {
  readonly frame: VideoFrame | undefined;
  readonly isDead: boolean;
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

const BLACK: Color = [0, 0, 0];
const WHITE: Color = [255, 255, 255];
const DEAD_GAIN = 0.35;
const OPAQUE = 256;

export class Tile {
  readonly channel: string;
  readonly #options: TileOptions;
  readonly #live: FrameConverter;
  readonly #dead: FrameConverter;
  readonly #empty: StillPicture;
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
    this.#empty = new StillPicture(BLACK, target, region, stream);
  }

  /**
   * The marks to be drawn over the picture: what was found in it, and words. `sinceText`: since when it has been waiting
   * or dead. In host memory `planes` must be those of the picture before, without marks: what they show is not drawn
   * again.
   */
  draw(
    frame: VideoFrame | undefined,
    state: TileState,
    sinceText: string,
    detections: RecentDetections | undefined,
    planes: readonly ConversionTarget[],
  ): readonly Mark[] {
    const isShown = this.#show(frame, state === 'dead', planes);
    const found =
      isShown && frame !== undefined && detections !== undefined
        ? detectionMarks(detections.of(frame), this.#placeOf(frame))
        : [];
    const words: string[] = [];
    if (this.#options.labels) words.push(this.channel);
    if (state === 'dead') words.push(`no picture since ${sinceText}`);
    else if (state === 'waiting') words.push('no picture yet');
    else if (!isShown) words.push('cannot be converted');
    const heading = this.#heading(words.join('  '));
    return heading === undefined ? found : [...found, heading];
  }

  /** Blocks on a GPU until the stream is through with it. */
  close(): void {
    for (const part of [this.#live, this.#dead, this.#empty]) part.close();
  }

  /** Where the picture is in the target. */
  #placeOf(frame: VideoFrame): Region {
    const { region } = this.#options;
    const { x, y, width, height } = this.#live.planFor(frame).placement;
    return { x: region.x + x, y: region.y + y, width, height };
  }

  /** False: there is no picture, or it cannot be converted, and the cell is black. */
  #show(
    frame: VideoFrame | undefined,
    isDead: boolean,
    planes: readonly ConversionTarget[],
  ): boolean {
    const drawn = this.#drawn;
    if (drawn === undefined || drawn.frame !== frame || drawn.isDead !== isDead) {
      if (frame === undefined || !this.#drawPicture(frame, isDead, planes)) {
        this.#empty.paint(planes);
      }
      this.#drawn = this.#options.stream === undefined ? { frame, isDead } : undefined;
    }
    return frame !== undefined && this.#refused !== frame.format;
  }

  #drawPicture(frame: VideoFrame, isDead: boolean, planes: readonly ConversionTarget[]): boolean {
    if (this.#refused === frame.format) return false;
    try {
      (isDead ? this.#dead : this.#live).run(frame, planes);
      return true;
    } catch (error) {
      if (!isSluiceError(error, 'UNSUPPORTED')) throw error;
      this.#refused = frame.format;
      return false;
    }
  }

  #heading(text: string): Mark | undefined {
    const { region } = this.#options;
    const scale = letterScale(region);
    const letters = lettersOf(text, scale, region);
    if (letters === undefined) return undefined;
    const label = { x: region.x, y: region.y, scale, letters };
    return { outline: undefined, label, ground: BLACK, ink: WHITE, opacity: OPAQUE };
  }
}
