/** How pictures reach the clients of a tap: what is done for each of them, beside choosing what it gets. */
import { rawByteLength, type PixelFormat, type VideoFormat } from '../../format/index.js';
import type { Rational } from '../ffmpeg/rational.js';
import type { ClientWriter } from './client-writer.js';
import { type PictureCodec, PICTURE_CODECS } from './picture-codecs.js';
import { type PlanePlace, tightPlanes } from './picture-fit.js';
import { PictureMemory, type ShownPicture } from './shown-picture.js';

export interface PictureDelivery {
  /** Pixel formats that it carries; pictures of others become the first. */
  readonly pixelFormats: readonly PixelFormat[];
  /** Whether nothing can be begun before the rate is known. */
  readonly needsRate: boolean;
  /** Pictures of earlier times are left out. */
  readonly earliestNs: number;
  /** Where the planes of a picture are. */
  planes(target: VideoFormat): readonly PlanePlace[];
  /** What pictures are made in. */
  memory(target: VideoFormat): PictureMemory;
  /** Whether the client can be given a picture now. */
  hasRoom(client: ClientWriter): boolean;
  /** Before the first picture of a client. */
  begin(client: ClientWriter, target: VideoFormat, rate: Rational | undefined): void;
  give(client: ClientWriter, shown: ShownPicture, target: VideoFormat): void;
  /** The socket has taken everything. */
  drained(client: ClientWriter): void;
  /** The client said something: foreign bytes. */
  input?(client: ClientWriter, bytes: Uint8Array): void;
  /** Nothing more comes; the client still gets what is on its way. */
  end(client: ClientWriter): void;
  /** The client is gone. */
  left(client: ClientWriter): void;
  /** The tap is closed. */
  close(): void;
}

/** Pictures as bytes of a stream: `y4m`, `nut`, `raw`. */
export class StreamDelivery implements PictureDelivery {
  readonly pixelFormats: readonly PixelFormat[];
  readonly needsRate: boolean;
  readonly earliestNs: number;
  readonly #codec: PictureCodec;
  /** What each client is in the middle of. */
  readonly #reading = new Map<ClientWriter, ShownPicture>();

  constructor(as: 'y4m' | 'nut' | 'raw') {
    this.#codec = PICTURE_CODECS[as];
    this.pixelFormats = this.#codec.pixelFormats;
    this.needsRate = this.#codec.needsRate;
    this.earliestNs = this.#codec.earliestNs;
  }

  planes(target: VideoFormat): readonly PlanePlace[] {
    return tightPlanes(target);
  }

  memory(target: VideoFormat): PictureMemory {
    return new PictureMemory(rawByteLength(target));
  }

  hasRoom(client: ClientWriter): boolean {
    return client.idle;
  }

  begin(client: ClientWriter, target: VideoFormat, rate: Rational | undefined): void {
    client.send(this.#codec.header(target, rate), false);
  }

  give(client: ClientWriter, shown: ShownPicture, target: VideoFormat): void {
    this.#reading.set(client, shown);
    shown.begin();
    const bytes = shown.bytes();
    client.send(this.#codec.prefix(target, shown.ptsNs), false);
    client.send(bytes, shown.inPlace);
  }

  drained(client: ClientWriter): void {
    this.#reading.get(client)?.finish();
    this.#reading.delete(client);
  }

  end(client: ClientWriter): void {
    client.end();
  }

  left(client: ClientWriter): void {
    this.drained(client);
  }

  close(): void {
    this.#reading.clear();
  }
}
