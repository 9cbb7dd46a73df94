/** The valid manifests of a directory, read again only where a file has changed. */
import { lstatSync } from 'node:fs';
import { channelMatcher, SluiceError } from '../../core/index.js';
import { readChannelFiles } from './channel-files.js';
import { readManifest, type Manifest, type ReadManifestOptions } from './manifest.js';
import type { RuntimeDirectory } from './runtime-directory.js';

/** Hears of a file or directory that had to be passed over, once for each state of a file. */
export type ProblemListener = (path: string, error: SluiceError) => void;

/** Whose manifests to read, and who hears of the others. */
export interface ScanOptions extends ReadManifestOptions {
  readonly onProblem?: ProblemListener;
}

interface Entry {
  /** Changes with every write and every rename over the file. */
  readonly version: string;
  /** Undefined for a file that is no valid manifest. */
  readonly manifest: Manifest | undefined;
}

export class ManifestScan {
  readonly #directory: RuntimeDirectory;
  readonly #matches: (channel: string) => boolean;
  readonly #options: ScanOptions;
  #entries = new Map<string, Entry>();

  constructor(directory: RuntimeDirectory, pattern: string, options: ScanOptions) {
    this.#directory = directory;
    this.#matches = channelMatcher(pattern);
    this.#options = options;
  }

  /**
   * The manifests by channel, in the order of their names. An unchanged file gives the same object
   * again.
   * Throws `SluiceError` when the directory cannot be read.
   */
  scan(): ReadonlyMap<string, Manifest> {
    const entries = new Map<string, Entry>();
    const manifests = new Map<string, Manifest>();
    for (const channel of this.#channels()) {
      const entry = this.#read(channel);
      if (entry === undefined) continue;
      entries.set(channel, entry);
      if (entry.manifest !== undefined) manifests.set(channel, entry.manifest);
    }
    this.#entries = entries;
    return manifests;
  }

  #channels(): readonly string[] {
    const channels: string[] = [];
    for (const [channel, kinds] of readChannelFiles(this.#directory.path)) {
      if (kinds.has('manifest') && this.#matches(channel)) channels.push(channel);
    }
    return channels.sort();
  }

  #read(channel: string): Entry | undefined {
    const path = this.#directory.manifestPath(channel);
    const known = this.#entries.get(channel);
    const version = fileVersion(path);
    if (version === undefined || version === known?.version) {
      return version === undefined ? undefined : known;
    }
    try {
      const manifest = readManifest(this.#directory, channel, this.#options);
      return manifest === undefined ? undefined : { version, manifest };
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#options.onProblem?.(path, error);
      // What this process could not read for want of descriptors says nothing about the file: keep
      // what was known.
      if (isFaultOfReader(error)) return known;
      return { version, manifest: undefined };
    }
  }
}

/** Undefined when the file is gone. */
function fileVersion(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.ctimeNs}`;
}

function isFaultOfReader(error: SluiceError): boolean {
  return error.code === 'TOO_MANY_FILES' || error.code === 'SYSTEM';
}
