/** The pictures since the last key frame: what a decoder that starts now is given, so that it has a picture at once. */
import type { CodedPicture } from './coded-picture.js';

/** Beyond either, a decoder that starts now waits for the next key frame. */
const MAX_BYTES = 16 << 20;
const MAX_PICTURES = 600;

export class GroupOfPictures {
  #pictures: CodedPicture[] = [];
  #bytes = 0;

  add(picture: CodedPicture): void {
    if (picture.keyFrame) this.clear();
    else if (this.#pictures.length === 0) return;
    this.#pictures.push(picture);
    this.#bytes += picture.bytes.length;
    if (this.#bytes > MAX_BYTES || this.#pictures.length > MAX_PICTURES) this.clear();
  }

  /** Begins with a key frame, or is empty. */
  get pictures(): readonly CodedPicture[] {
    return this.#pictures;
  }

  clear(): void {
    this.#pictures = [];
    this.#bytes = 0;
  }
}
