/**
 * The files of a channel in the runtime directory. A channel `camera/door` owns
 *
 *     camera~door.lock   held with flock(2) for the publisher's lifetime
 *     camera~door.sock   listening Unix stream socket
 *     camera~door.json   the manifest
 *     camera~door.new    the next manifest, before it is renamed over the last one
 *
 * A name has no `~`, and the last extension decides the kind: no two channels share a file.
 */
import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import {
  assertChannelName,
  channelFileStem,
  channelOfFileStem,
  printable,
  SluiceError,
} from '../../core/index.js';
import { errnoCode, fileFailure } from './file-failure.js';

const EXTENSIONS = Object.freeze({
  lock: '.lock',
  socket: '.sock',
  manifest: '.json',
  newManifest: '.new',
});

export type ChannelFileKind = keyof typeof EXTENSIONS;

const KINDS = Object.keys(EXTENSIONS) as readonly ChannelFileKind[];

/**
 * More names than this in one runtime directory is an attack or a mistake; reading it stops with an
 * error.
 */
export const MAX_DIRECTORY_ENTRIES = 16_384;

/** The path of one of the channel's files. Throws `TypeError` for what is no channel name. */
export function channelFilePath(
  directoryPath: string,
  channel: string,
  kind: ChannelFileKind,
): string {
  assertChannelName(channel);
  return join(directoryPath, channelFileStem(channel) + EXTENSIONS[kind]);
}

/**
 * The channel and kind that a file name in the runtime directory belongs to, or undefined for any
 * other file.
 */
export function channelOfFileName(
  name: string,
): { readonly channel: string; readonly kind: ChannelFileKind } | undefined {
  const kind = KINDS.find((candidate) => name.endsWith(EXTENSIONS[candidate]));
  if (kind === undefined) return undefined;
  const channel = channelOfFileStem(name.slice(0, -EXTENSIONS[kind].length));
  return channel === undefined ? undefined : { channel, kind };
}

/**
 * The channels that own a file in the directory, with the kinds of their files; empty when there is
 * no directory.
 * Throws `SluiceError` when it cannot be read, or holds more than {@link MAX_DIRECTORY_ENTRIES}
 * names.
 */
export function readChannelFiles(
  directoryPath: string,
): ReadonlyMap<string, ReadonlySet<ChannelFileKind>> {
  const channels = new Map<string, Set<ChannelFileKind>>();
  for (const name of readNames(directoryPath)) {
    const file = channelOfFileName(name);
    if (file === undefined) continue;
    const kinds = channels.get(file.channel);
    if (kinds === undefined) channels.set(file.channel, new Set([file.kind]));
    else kinds.add(file.kind);
  }
  return channels;
}

function readNames(directoryPath: string): string[] {
  const names: string[] = [];
  try {
    // Not readdirSync: the limit must hold before all names are in memory.
    const directory = opendirSync(directoryPath, { bufferSize: 256 });
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (names.length === MAX_DIRECTORY_ENTRIES) throw tooManyEntries(directoryPath);
        names.push(entry.name);
      }
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return [];
    throw fileFailure(`read the runtime directory ${printable(directoryPath)}`, error);
  }
  return names;
}

function tooManyEntries(directoryPath: string): SluiceError {
  return new SluiceError(
    'BAD_DIRECTORY',
    `the runtime directory ${printable(directoryPath)} holds over ${MAX_DIRECTORY_ENTRIES} files`,
    {
      details: { path: directoryPath, maxEntries: MAX_DIRECTORY_ENTRIES },
      remedy: 'Remove what does not belong there, or set SLUICE_DIR to a directory of your own.',
    },
  );
}
