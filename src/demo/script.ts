/** The plot of the demo: who enters, who is killed, who comes back, at which part of the time. */
import type { Director } from './director.js';
import type { Memory } from '../memory/index.js';
import type { Role } from './actor.js';

export interface Scene {
  /** Part of the whole time at which it begins at the earliest, 0 to 1. */
  readonly at: number;
  /** What must have happened before: a slow machine delays the play, it does not spoil it. */
  readonly after?: (director: Director) => boolean;
  /** Said on the screen while it lasts. */
  readonly caption: string;
  readonly play: (director: Director) => Promise<void> | void;
}

export interface Cast {
  readonly clip: string | undefined;
  readonly memory: Memory;
  readonly snapshotFolder: string;
}

export const READERS: readonly Role[] = ['detector', 'statistics', 'recorder'];

/** All readers are alive, connected, and have read something in this life. */
function allRead(director: Director): boolean {
  const reports = director.reports();
  return READERS.every((role) => {
    const report = reports.get(role);
    return report?.state === 'live' && report.frames > 0;
  });
}

function allWait(director: Director): boolean {
  const reports = director.reports();
  return READERS.every((role) => reports.get(role)?.state === 'waiting');
}

export function scenes({ clip, memory, snapshotFolder }: Cast): readonly Scene[] {
  const camera = [clip ?? '', memory];
  return [
    {
      at: 0,
      caption:
        memory === 'host'
          ? 'One process decodes, three read the same frames in place.'
          : `One process decodes to ${memory}, three read one copy of its frames in host memory.`,
      play: (director) => {
        director.start('camera', camera);
        director.start('detector');
        director.start('statistics');
        director.start('recorder', [snapshotFolder]);
      },
    },
    {
      at: 0.35,
      after: allRead,
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
      after: allRead,
      caption: 'Now the camera was killed. Its readers keep what they hold, and wait.',
      play: (director) => director.kill('camera'),
    },
    {
      at: 0.74,
      after: allWait,
      caption: 'The camera is back: everybody found it again without being told.',
      play: (director) => director.start('camera', camera),
    },
    {
      at: 1,
      after: allRead,
      caption: 'The end.',
      play: () => undefined,
    },
  ];
}
