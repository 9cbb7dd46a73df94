/**
 * Changes of the runtime directory: inotify(7) through fs.watch, and a timer beside it.
 *
 * inotify is the fast half and the timer the reliable one: instances are few (128 a user), events
 * get lost without notice, a directory can be replaced, and the death of a publisher changes no
 * file at all.
 */
import { lstatSync, watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';
import { channelOfFileName } from './channel-files.js';
import { errnoCode } from './file-failure.js';

export const DEFAULT_RESCAN_MS = 1000;

/**
 * A file of `channel` was made, removed or replaced; or, without a channel, it is time to look at
 * everything.
 */
export type DirectoryListener = (channel: string | undefined) => void;

/** Keeps the event loop alive until `close()`. */
export class DirectoryWatch {
  readonly #path: string;
  readonly #name: string;
  readonly #listener: DirectoryListener;
  readonly #timer: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #watchedInode = '';

  constructor(path: string, rescanMs: number, listener: DirectoryListener) {
    this.#path = path;
    this.#name = basename(path);
    this.#listener = listener;
    this.#arm();
    this.#timer = setInterval(() => {
      this.#arm();
      this.#listener(undefined);
    }, rescanMs);
  }

  /** Idempotent; the listener is not called any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#disarm();
  }

  /**
   * Watches the directory that bears the name now; without inotify or a directory the timer tries
   * again.
   */
  #arm(): void {
    try {
      const { dev, ino } = lstatSync(this.#path, { bigint: true });
      const inode = `${dev}:${ino}`;
      if (this.#watcher !== undefined && inode === this.#watchedInode) return;
      this.#disarm();
      const watcher = watch(this.#path, (_event, name) => this.#touched(name));
      watcher.on('error', () => this.#disarm());
      this.#watcher = watcher;
      this.#watchedInode = inode;
    } catch (error) {
      if (errnoCode(error) === undefined) throw error;
      this.#disarm();
    }
  }

  #disarm(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #touched(name: string | null): void {
    // libuv gives the directory's own name to what happens to the directory itself. It may be gone,
    // and its successor may well get the same inode number: the timer arms anew in any case.
    const concernsDirectory = name === this.#name;
    if (concernsDirectory) this.#disarm();
    if (name === null || concernsDirectory) {
      this.#listener(undefined);
      return;
    }
    const file = channelOfFileName(name);
    if (file !== undefined) this.#listener(file.channel);
  }
}
