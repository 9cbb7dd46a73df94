/** Where the demo's pictures come from: a real clip decoded by ffmpeg, or, without ffmpeg, a generated scene. */
import { spawn, type ChildProcess } from 'node:child_process';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { closeDescriptor, createPipe } from '../ffi/index.js';
import type { VideoFormat } from '../format/index.js';

const readInto = promisify(read);

export interface PictureSource {
  readonly description: string;
  /** Fills `slot` with the next picture. False at the end, which a loop does not have. */
  fill(slot: Uint8Array): Promise<boolean>;
  close(): void;
}

/** Pipes larger than a page run are read in fewer pieces; 1 MiB is what an ordinary user may ask for. */
const PIPE_BYTES = 1 << 20;

/**
 * Decodes `path` in a loop. ffmpeg writes raw pictures into a pipe and read(2) puts them straight into the slot: no
 * buffer in between. It runs ahead of the reader by one pipe only, so the reader sets the pace.
 */
export function openClip(path: string, format: VideoFormat, pictureBytes: number): PictureSource {
  const { readable, writable } = createPipe(PIPE_BYTES);
  const size = `${format.width}x${format.height}`;
  const decoder = spawn(
    'ffmpeg',
    ['-v', 'error', '-nostdin', '-stream_loop', '-1', '-i', path, '-an', '-f', 'rawvideo'].concat([
      '-pix_fmt',
      format.pixelFormat,
      '-s',
      size,
      'pipe:1',
    ]),
    { stdio: ['ignore', writable, 'pipe'] },
  );
  closeDescriptor(writable);
  const errors = collectErrors(decoder);
  let closed = false;
  return {
    description: `ffmpeg decodes ${path.split('/').at(-1) ?? path}`,
    async fill(slot) {
      for (let filled = 0; filled < pictureBytes;) {
        const { bytesRead } = await readInto(readable, slot, filled, pictureBytes - filled, null);
        if (bytesRead === 0) {
          if (closed) return false;
          throw new Error(`ffmpeg ended: ${errors() || 'without a word'}`);
        }
        filled += bytesRead;
      }
      return true;
    },
    close() {
      if (closed) return;
      closed = true;
      decoder.kill('SIGKILL');
      decoder.once('exit', () => closeDescriptor(readable));
    },
  };
}

function collectErrors(decoder: ChildProcess): () => string {
  let text = '';
  decoder.stderr
    ?.setEncoding('utf8')
    .on('data', (piece: string) => (text = (text + piece).slice(-500)));
  decoder.once('error', (error) => (text = error.message));
  return () => text.trim();
}

/** A gradient that drifts and three boxes that walk: something to detect where there is no ffmpeg. */
export function openGeneratedScene(format: VideoFormat): PictureSource {
  const { width, height } = format;
  let time = 0;
  return {
    description: 'a generated scene (install ffmpeg for real footage)',
    async fill(slot) {
      time += 1;
      for (let y = 0; y < height; y++) slot.fill(96 + ((y >> 3) & 31), y * width, (y + 1) * width);
      slot.fill(128, width * height, width * height * 1.5);
      for (let box = 0; box < 3; box++) drawWalker(slot, width, height, box, time);
      return true;
    },
    close() {
      time = 0;
    },
  };
}

function drawWalker(
  slot: Uint8Array,
  width: number,
  height: number,
  box: number,
  time: number,
): void {
  const left = (time * (box + 2) + box * 211) % (width - 48);
  const top = Math.round(height * (0.2 + 0.25 * box));
  for (let y = top; y < top + 80; y++)
    slot.fill(220 - 60 * box, y * width + left, y * width + left + 40);
}
