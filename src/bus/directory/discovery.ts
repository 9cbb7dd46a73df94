/**
 * Finding channels: listing them once, following them as they come and go, waiting for one of them.
 */
import {
  assertChannelName,
  assertChannelPattern,
  assertInteger,
  printable,
  SluiceError,
} from '../../core/index.js';
import { ChannelWatch, type ChannelEvent } from './channel-watch.js';
import { channelFilePath } from './channel-files.js';
import { DEFAULT_RESCAN_MS, DirectoryWatch } from './directory-watch.js';
import { ManifestScan, type ScanOptions } from './manifest-scan.js';
import type { Manifest } from './manifest.js';
import { resolveRuntimeDirectory, type RuntimeDirectory } from './runtime-directory.js';
import { probeSockets, type SocketState } from './socket-probe.js';

export type { ChannelEvent } from './channel-watch.js';
export type { ProblemListener, ScanOptions } from './manifest-scan.js';

/** Where to look for channels, whose to trust, and who hears of what is passed over. */
export interface ListOptions extends ScanOptions {
  /** A path or a resolved directory; by default the process's own. */
  readonly directory?: string | RuntimeDirectory;
}

/** How to follow channels. */
export interface WatchOptions extends ListOptions {
  /** Ends the loop: it returns, it does not throw. */
  readonly signal?: AbortSignal;
  /**
   * How often to look without being told, 10 to 60,000 ms; by default every second. A death is seen
   * this late.
   */
  readonly rescanMs?: number;
}

const MIN_RESCAN_MS = 10;
const MAX_RESCAN_MS = 60_000;

/**
 * The announced channels that match, in the order of their names, dead ones included: no publisher
 * is asked. A file that is no valid manifest is passed over and told to `onProblem`.
 * Throws `TypeError` for a bad pattern, `SluiceError` BAD_DIRECTORY.
 */
export function listManifests(pattern = '**', options: ListOptions = {}): readonly Manifest[] {
  assertChannelPattern(pattern);
  return [...new ManifestScan(directoryOf(options), pattern, options).scan().values()];
}

/**
 * The channels that match and can be connected to, in the order of their names. A publisher that is
 * stopped or busy counts; one that died does not, nor one whose socket this user may not open,
 * which `onProblem` hears of. Rejects with `TypeError` for a bad pattern, `SluiceError`
 * BAD_DIRECTORY.
 */
export async function listChannels(
  pattern = '**',
  options: ListOptions = {},
): Promise<readonly Manifest[]> {
  const directory = directoryOf(options);
  const manifests = listManifests(pattern, { ...options, directory });
  const paths = manifests.map(({ channel }) => channelFilePath(directory.path, channel, 'socket'));
  const states = await probeSockets(paths);
  return manifests.filter((_manifest, index) => {
    const state = states[index] ?? 'unknown';
    const problem = probeProblem(state, paths[index] ?? '');
    if (problem !== undefined) options.onProblem?.(paths[index] ?? '', problem);
    return state === 'accepting' || state === 'busy';
  });
}

/**
 * Follows the channels that match. What is there already comes first, as `announced`; `retired`
 * comes when the announcement goes or when its publisher dies and leaves it. Several changes of a
 * channel between two turns of the loop become one event. Nothing is watched before the loop
 * starts, and leaving the loop ends it; each loop over the same result starts anew.
 * Throws `TypeError` for a bad pattern, `RangeError` for `rescanMs`, `SluiceError` BAD_DIRECTORY.
 */
export function watchChannels(
  pattern = '**',
  options: WatchOptions = {},
): AsyncIterable<ChannelEvent> {
  assertChannelPattern(pattern);
  const directory = directoryOf(options);
  const watchOptions = { ...options, rescanMs: rescanOf(options), signal: options.signal };
  return {
    [Symbol.asyncIterator]: () => new ChannelWatch(directory, pattern, watchOptions),
  };
}

/**
 * Resolves at the next change of the channel's files ('touched'), when it is time to look anyway
 * ('rescan'), or when the signal ends the wait ('aborted'); never rejects. Watching begins with the
 * call: call first, then look, then await, and no change is missed.
 */
export function waitForChannelChange(
  directory: RuntimeDirectory,
  channel: string,
  options: { readonly signal?: AbortSignal; readonly rescanMs?: number } = {},
): Promise<'touched' | 'rescan' | 'aborted'> {
  assertChannelName(channel);
  const rescanMs = rescanOf(options);
  const { signal } = options;
  if (signal?.aborted === true) return Promise.resolve('aborted');
  return new Promise((resolve) => {
    const end = (result: 'touched' | 'rescan' | 'aborted'): void => {
      watch.close();
      signal?.removeEventListener('abort', abort);
      resolve(result);
    };
    const abort = (): void => end('aborted');
    const watch = new DirectoryWatch(directory.path, rescanMs, (touched) => {
      if (touched === undefined) end('rescan');
      else if (touched === channel) end('touched');
    });
    signal?.addEventListener('abort', abort);
  });
}

function directoryOf(options: ListOptions): RuntimeDirectory {
  const { directory } = options;
  return typeof directory === 'object' ? directory : resolveRuntimeDirectory(directory);
}

function rescanOf(options: { readonly rescanMs?: number }): number {
  const { rescanMs = DEFAULT_RESCAN_MS } = options;
  assertInteger('rescanMs', rescanMs, MIN_RESCAN_MS, MAX_RESCAN_MS);
  return rescanMs;
}

function probeProblem(state: SocketState, path: string): SluiceError | undefined {
  if (state === 'denied') {
    return new SluiceError(
      'ACCESS_DENIED',
      `the socket ${printable(path)} may not be opened by this user`,
    );
  }
  if (state === 'unknown')
    return new SluiceError('SYSTEM', `the socket ${printable(path)} could not be asked`);
  return undefined;
}
