/** What brings a camera its pictures: one that takes packets, or one that reads raw pictures. */
import type { CameraFailure } from '../ffmpeg/index.js';
import type { SluiceError } from '../../core/index.js';
import type { CodedPicture } from './coded-picture.js';
import type { Want } from './decode-line.js';

export interface Feed {
  /**
   * One connection: resolves at its end, to a failure, or to undefined at the end of a file. Rejects with what kept it
   * from opening a channel or starting an ffmpeg: SluiceError, SystemCallError.
   */
  connect(): Promise<CameraFailure | undefined>;
  /** Which pictures are decoded from now on. */
  want: Want;
  /** As the input has it; '' before the first connection. */
  readonly codec: string;
  readonly decoder: string;
  readonly decodeMs: number;
  readonly bitsPerSecond: number;
  /** Pictures received, and those passed over because decoding was behind. */
  readonly pictures: number;
  readonly passedOver: number;
  readonly packetsChannel: string | undefined;
  readonly audioChannel: string | undefined;
  readonly pcmChannel: string | undefined;
  /** The processes at work, for tests of what they cost. */
  readonly processes: {
    readonly reader: number | undefined;
    readonly decoder: number | undefined;
    /** Decodes the sound. */
    readonly sound: number | undefined;
  };
  close(): Promise<void>;
}

/** What feeds tell the camera. */
export interface FeedEvents {
  /** The input gives pictures. */
  live(codec: string): void;
  /** The frame channel is open, or has another format. */
  format(): void;
  /** Decoding failed; it is tried again unless `isLast`. */
  decoderFailed(error: SluiceError, isLast: boolean): void;
  /** Decoding of the sound failed; packets go on. */
  soundFailed(error: SluiceError): void;
}

/** Lineage ids of one camera: the upper half is the camera's, the lower counts. */
export class PictureIds {
  #next: bigint;

  constructor(random: number) {
    this.#next = (BigInt(random >>> 0) << 32n) + 1n;
  }

  next(): bigint {
    this.#next += 1n;
    return this.#next;
  }
}

export type PublishedListener = (picture: CodedPicture) => void;
