/**
 * Manifests as files of the runtime directory: written by rename, read as what any stranger may
 * have put there.
 */
import {
  closeSync,
  constants,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import { channelFilePath } from './channel-files.js';
import { errnoCode, fileFailure } from './file-failure.js';
import { readForeignText } from './foreign-file.js';
import {
  encodeManifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
  type Manifest,
} from './manifest-codec.js';
import type { RuntimeDirectory } from './runtime-directory.js';
import { isOwnUid, ownUid } from './trusted-owner.js';

export {
  encodeManifest,
  parseManifest,
  type Manifest,
  type ManifestDevice,
  type ManifestProcess,
} from './manifest-codec.js';

/** Whose manifests to read. */
export interface ReadManifestOptions {
  /**
   * Users whose manifests are read beside this user's own (and root's in a shared directory). A
   * file proves its owner only, so groups are not asked here but when the socket shows its peer's
   * credentials.
   */
  readonly allowUids?: readonly number[];
}

/**
 * Announces or replaces the manifest. Readers see the old one or the new one, never a part. Only
 * the holder of the channel's lock may call this: the temporary file has a fixed name, so that a
 * crash leaves at most one.
 * Throws what `encodeManifest` throws, and `SluiceError` NO_SPACE, TOO_MANY_FILES or BAD_DIRECTORY.
 */
export function writeManifest(directory: RuntimeDirectory, manifest: Manifest): void {
  const text = encodeManifest(manifest);
  const path = directory.manifestPath(manifest.channel);
  const newPath = channelFilePath(directory.path, manifest.channel, 'newManifest');
  try {
    rmSync(newPath, { force: true });
    writeNewFile(directory, newPath, text);
    renameSync(newPath, path);
  } catch (error) {
    removeQuietly(newPath);
    throw fileFailure(`write the manifest ${printable(path)}`, error);
  }
}

function writeNewFile(directory: RuntimeDirectory, path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    directory.own(descriptor, directory.fileModes.manifest);
    writeFileSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/** After a failure that is reported already. */
function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoCode(error) === undefined) throw error;
  }
}

/**
 * The manifest of the channel, or undefined when there is none. It says nothing about whether the
 * publisher lives.
 * Throws `SluiceError` PROTOCOL (not a regular file, too large, not a valid manifest of this
 * channel), ACCESS_DENIED (the file of a user that is not trusted), TOO_MANY_FILES, SYSTEM.
 */
export function readManifest(
  directory: RuntimeDirectory,
  channel: string,
  options: ReadManifestOptions = {},
): Manifest | undefined {
  const path = directory.manifestPath(channel);
  const source = `manifest ${printable(path)}`;
  const text = readForeignText(path, source, MAX_MANIFEST_BYTES, (stats) =>
    assertTrustedOwner(directory, stats, source, options),
  );
  return text === undefined ? undefined : parseManifest(text, source, channel);
}

function assertTrustedOwner(
  directory: RuntimeDirectory,
  stats: Stats,
  source: string,
  options: ReadManifestOptions,
): void {
  const { uid } = stats;
  const trusted =
    isOwnUid(uid) ||
    (directory.shared && uid === 0) ||
    (options.allowUids !== undefined && options.allowUids.includes(uid));
  if (!trusted) {
    throw new SluiceError(
      'ACCESS_DENIED',
      `${source}: it belongs to uid ${uid}, this process runs as uid ${ownUid()}`,
      { details: { source, uid }, remedy: `Allow uid ${uid} if you trust that user.` },
    );
  }
  if ((stats.mode & 0o022) !== 0) {
    throw new SluiceError('ACCESS_DENIED', `${source}: other users may write to it`, {
      details: { source, mode: stats.mode & 0o7777 },
      remedy: 'Remove it; Sluice never writes a manifest that others may change.',
    });
  }
}

/**
 * Takes the announcement back, if it still is the one of `instance`: a successor's is left alone.
 * Call it before the lock is released. Returns whether a file was removed; a manifest that cannot
 * be read is left to `cleanDebris`.
 */
export function removeManifest(
  directory: RuntimeDirectory,
  channel: string,
  instance: string,
): boolean {
  const path = directory.manifestPath(channel);
  try {
    if (readManifest(directory, channel)?.instance !== instance) return false;
    unlinkSync(path);
    return true;
  } catch (error) {
    if (error instanceof SluiceError || errnoCode(error) === 'ENOENT') return false;
    throw fileFailure(`remove the manifest ${printable(path)}`, error);
  }
}
