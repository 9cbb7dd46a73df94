/** Publishes the output of a program that only prints, as fast as its reader takes it: for `terminal`. */
import { bytes, openPublisher } from '../../index.js';
import { TERMINAL_TYPE } from '../../terminal.js';
import { answer, givenTo } from '../programs-frames/given.js';
import { logOf } from './log-text.js';

export interface SenderGiven {
  readonly directory: string;
  readonly channel: string;
}

/** Bytes to send. */
export interface SenderTask {
  readonly totalBytes: number;
}

const { directory, channel } = givenTo<SenderGiven>();
const PIECE_BYTES = 1 << 16;
/** Different ones, so that no two frames are the same. */
const pieces = Array.from({ length: 7 }, (_, seed) => logOf(PIECE_BYTES, seed));
const publisher = await openPublisher(channel, {
  format: bytes(),
  ringBytes: 4 << 20,
  whenFull: 'wait',
  directory,
});

process.on('message', ({ totalBytes }: SenderTask) => {
  void (async () => {
    for (let sent = 0; sent < totalBytes; sent += PIECE_BYTES) {
      const piece = pieces[(sent / PIECE_BYTES) % pieces.length]!;
      await publisher.send(piece, { type: TERMINAL_TYPE.output });
    }
    await answer({ sent: totalBytes });
  })();
});
await answer({ ready: true });
