/** The plot of the demo: who enters, who is killed, who comes back, at which part of the time. */
import type { Director } from './director.js';
import type { Role } from './actor.js';

export interface Scene {
  /** Part of the whole time at which it begins, 0 to 1. */
  readonly at: number;
  /** Said on the screen while it lasts. */
  readonly caption: string;
  readonly play: (director: Director) => Promise<void> | void;
}

export interface Cast {
  readonly clip: string | undefined;
  readonly snapshotFolder: string;
}

export const READERS: readonly Role[] = ['detector', 'statistics', 'recorder'];

export function scenes({ clip, snapshotFolder }: Cast): readonly Scene[] {
  return [
    {
      at: 0,
      caption: 'One process decodes, three read the same frames in place.',
      play: (director) => {
        director.start('camera', [clip ?? '']);
        director.start('detector');
        director.start('statistics');
        director.start('recorder', [snapshotFolder]);
      },
    },
    {
      at: 0.35,
      caption: 'The detector was killed (SIGKILL). Watch the others: nothing changes for them.',
      play: (director) => director.kill('detector'),
    },
    {
      at: 0.5,
      caption: 'The detector is back and reads the newest frame at once.',
      play: (director) => director.start('detector'),
    },
    {
      at: 0.62,
      caption: 'Now the camera was killed. Its readers keep what they hold, and wait.',
      play: (director) => director.kill('camera'),
    },
    {
      at: 0.74,
      caption: 'The camera is back: everybody found it again without being told.',
      play: (director) => director.start('camera', [clip ?? '']),
    },
  ];
}
