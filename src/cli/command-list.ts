/** The commands there are. Each is loaded when it is the one that runs, or that help is asked for. */
import type { CommandModule } from './program.js';

export interface CommandEntry {
  readonly name: string;
  readonly group: 'look' | 'move' | 'prove' | 'help';
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = Object.freeze([
  {
    name: 'ls',
    group: 'look',
    summary: 'the channels there are',
    load: () => import('./commands/ls.js'),
  },
  {
    name: 'top',
    group: 'look',
    summary: 'who reads what, in place or copied, every second',
    load: () => import('./commands/top.js'),
  },
  {
    name: 'info',
    group: 'look',
    summary: 'all about one channel',
    load: () => import('./commands/info.js'),
  },
  {
    name: 'doctor',
    group: 'look',
    summary: 'checks this machine and the channels on it',
    load: () => import('./commands/doctor.js'),
  },
  {
    name: 'watch',
    group: 'look',
    summary: 'channels as they come and go',
    load: () => import('./commands/watch.js'),
  },
  {
    name: 'camera',
    group: 'move',
    summary: 'publishes a camera, a file or a screen: frames, packets and sound',
    load: () => import('./commands/camera.js'),
  },
  {
    name: 'up',
    group: 'move',
    summary: 'runs the cameras, filters, mosaics, encoders, taps and recorders of a file',
    load: () => import('./commands/up.js'),
  },
  {
    name: 'agents',
    group: 'move',
    summary: 'runs programs in terminals of their own and shows them together',
    load: () => import('./commands/agents/index.js'),
  },
  {
    name: 'encode',
    group: 'move',
    summary: 'encodes frames of a channel into packets',
    load: () => import('./commands/encode.js'),
  },
  {
    name: 'pub',
    group: 'move',
    summary: 'publishes what it reads from standard input',
    load: () => import('./commands/pub.js'),
  },
  {
    name: 'sub',
    group: 'move',
    summary: 'prints or stores what a channel carries',
    load: () => import('./commands/sub.js'),
  },
  {
    name: 'tap',
    group: 'move',
    summary: 'serves a channel to programs that know nothing of Sluice',
    load: () => import('./commands/tap.js'),
  },
  {
    name: 'record',
    group: 'move',
    summary: 'stores packets in .mp4 or .mkv as they are, or any channels in .mcap',
    load: () => import('./commands/record.js'),
  },
  {
    name: 'replay',
    group: 'move',
    summary: 'plays a recording as channels; agents in this terminal, too',
    load: () => import('./commands/replay.js'),
  },
  {
    name: 'filter',
    group: 'move',
    summary: 'makes tensors or other pictures of pictures, while somebody reads them',
    load: () => import('./commands/filter.js'),
  },
  {
    name: 'snap',
    group: 'move',
    summary: 'stores one picture of a channel as PNG or JPEG',
    load: () => import('./commands/snap.js'),
  },
  {
    name: 'mosaic',
    group: 'move',
    summary: 'shows many channels in one picture, while somebody watches',
    load: () => import('./commands/mosaic.js'),
  },
  {
    name: 'demo',
    group: 'prove',
    summary: 'several processes share a video, for you to look at',
    load: () => import('./commands/demo.js'),
  },
  {
    name: 'bench',
    group: 'prove',
    summary: 'measures this machine',
    load: () => import('./commands/bench.js'),
  },
  {
    name: 'help',
    group: 'help',
    summary: 'help with a command, or with the code of an error',
    load: () => import('./commands/help.js'),
  },
] satisfies CommandEntry[]);
