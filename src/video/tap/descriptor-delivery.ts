/**
 * Pictures by descriptor, as GStreamer's `unixfdsrc` takes them: written once into sealed memory of the tap's own, which
 * every client maps and reads in place.
 *
 * Not the publisher's memory: what a client of the tap has mapped it could read for ever, though the publisher granted it
 * nothing, and a client that never gives a picture back would hold a slot of everybody's pool. Here it costs this tap the
 * memory of the pictures that it has, a bounded number, and itself those that it is not given meanwhile.
 */
import { createSealedRegion, type Region } from '../../memory/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { PIXEL_FORMATS, type VideoFormat } from '../../format/index.js';
import {
  bufferMessage,
  capsMessage,
  endMessage,
  gstreamerPlanes,
  ReleaseReader,
} from '../container/unixfd.js';
import type { Rational } from '../ffmpeg/rational.js';
import type { ClientWriter } from './client-writer.js';
import type { PictureDelivery } from './picture-delivery.js';
import type { PlanePlace } from './picture-fit.js';
import { PictureMemory, type ShownPicture } from './shown-picture.js';

/**
 * What a client may have at once: encoders keep dozens of pictures before they give the first one out. Of large pictures
 * fewer, so that a client that has stopped costs no more than so much.
 */
const MAX_HELD = 64;
const MAX_HELD_BYTES = 256 << 20;
const MIN_HELD = 4;
/** Pictures that the clients may have between them: each is a descriptor of this process. */
const MAX_HELD_BY_ALL = 512;
/** Pictures that nobody reads and that are kept to be written again. */
const MAX_SPARE = 4;
/** Times of pictures are laid onto the clock anew where they are further from it than this. */
const MAX_DRIFT_NS = 1e9;

interface Held {
  readonly pictures: Map<number, ShownPicture>;
  /** It was told that nothing more comes. */
  isOver: boolean;
  readonly releases: ReleaseReader;
}

export class DescriptorDelivery implements PictureDelivery {
  readonly pixelFormats = PIXEL_FORMATS;
  readonly needsRate = false;
  readonly earliestNs = Number.NEGATIVE_INFINITY;
  readonly #clients = new Map<ClientWriter, Held>();
  /** A client has room again. */
  readonly #onRoom: (client: ClientWriter) => void;
  #memory: SealedPictures | undefined;
  /** Pictures that a client may have at once. */
  #most = MAX_HELD;
  #lastId = 0;
  /** What is added to the times of pictures, so that they are of the clock. */
  #clockOffsetNs: number | undefined;

  constructor(onRoom: (client: ClientWriter) => void) {
    this.#onRoom = onRoom;
  }

  planes(target: VideoFormat): readonly PlanePlace[] {
    return gstreamerPlanes(target);
  }

  memory(target: VideoFormat): PictureMemory {
    if (this.#memory !== undefined) return this.#memory;
    const byteLength = gstreamerPlanes(target).at(-1)!.end;
    this.#most = Math.max(MIN_HELD, Math.min(MAX_HELD, Math.floor(MAX_HELD_BYTES / byteLength)));
    return (this.#memory = new SealedPictures(byteLength));
  }

  hasRoom(client: ClientWriter): boolean {
    const held = this.#clients.get(client);
    if (held === undefined) return client.idle;
    const share = Math.max(MIN_HELD, Math.floor(MAX_HELD_BY_ALL / this.#clients.size));
    return client.idle && !held.isOver && held.pictures.size < Math.min(this.#most, share);
  }

  begin(client: ClientWriter, target: VideoFormat, rate: Rational | undefined): void {
    const releases = new ReleaseReader();
    this.#clients.set(client, { pictures: new Map(), isOver: false, releases });
    client.send(capsMessage(target, rate), false);
  }

  give(client: ClientWriter, shown: ShownPicture): void {
    const { pictures } = this.#clients.get(client)!;
    shown.keep();
    const bytes = shown.bytes();
    const id = (this.#lastId += 1);
    pictures.set(id, shown);
    shown.begin();
    const descriptor = this.#memory!.descriptorOf(bytes as Uint8Array);
    client.send(bufferMessage(id, this.#timeOf(shown), bytes.byteLength), false, descriptor);
  }

  drained(): void {
    // A picture is read when it is given back, not when its descriptor has arrived.
  }

  input(client: ClientWriter, bytes: Uint8Array): void {
    const held = this.#clients.get(client);
    const ids = held?.releases.push(bytes);
    if (held === undefined || ids === undefined) return client.close();
    for (const id of ids) {
      const shown = held.pictures.get(id);
      if (shown === undefined) return client.close();
      held.pictures.delete(id);
      shown.finish();
    }
    if (held.isOver && held.pictures.size === 0) client.end();
    else if (ids.length > 0) this.#onRoom(client);
  }

  /** It stays connected while it has pictures: their memory is written again once it has gone. */
  end(client: ClientWriter): void {
    const held = this.#clients.get(client);
    if (held?.isOver === true) return;
    client.send(endMessage(), false);
    client.flush();
    if (held !== undefined) held.isOver = true;
    if (held === undefined || held.pictures.size === 0) client.end();
  }

  left(client: ClientWriter): void {
    const held = this.#clients.get(client);
    this.#clients.delete(client);
    for (const shown of held?.pictures.values() ?? []) shown.finish();
  }

  close(): void {
    this.#memory?.close();
  }

  /** By CLOCK_MONOTONIC, as far apart as the pictures are. */
  #timeOf({ ptsNs }: ShownPicture): number {
    const nowNs = monotonicNs();
    const offsetNs = this.#clockOffsetNs;
    if (offsetNs === undefined || Math.abs(ptsNs + offsetNs - nowNs) > MAX_DRIFT_NS) {
      this.#clockOffsetNs = nowNs - ptsNs;
    }
    return ptsNs + this.#clockOffsetNs!;
  }
}

/** Each picture in a memfd of its own: a source maps from the beginning of the file on. */
class SealedPictures extends PictureMemory {
  readonly #byteLength: number;
  readonly #regions = new Map<Uint8Array, Region>();
  readonly #spare: Uint8Array[] = [];
  #closed = false;

  constructor(byteLength: number) {
    super(byteLength);
    this.#byteLength = byteLength;
  }

  override take(): Uint8Array {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const region = createSealedRegion('tap', this.#byteLength);
    const bytes = new Uint8Array(region.buffer);
    this.#regions.set(bytes, region);
    return bytes;
  }

  override giveBack(bytes: Uint8Array): void {
    if (!this.#closed && this.#spare.length < MAX_SPARE) {
      this.#spare.push(bytes);
      return;
    }
    this.#regions.get(bytes)?.close();
    this.#regions.delete(bytes);
  }

  descriptorOf(bytes: Uint8Array): number {
    return this.#regions.get(bytes)!.descriptor;
  }

  close(): void {
    this.#closed = true;
    for (const region of this.#regions.values()) region.close();
    this.#regions.clear();
    this.#spare.length = 0;
  }
}
