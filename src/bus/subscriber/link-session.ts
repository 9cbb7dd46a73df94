/** What the link between subscriber and publisher needs of a session: one epoch of one publisher, mapped. */
import { printable, SluiceError } from '../../core/index.js';
import { type ControlGeometry, instanceWords } from '../../layout/index.js';
import type { Doorbell, Share } from '../../ring/index.js';
import type { Connection } from '../transport/connection.js';
import type { Manifest } from '../directory/manifest.js';
import type { ReadingPlace } from './reading-place.js';

/** What a publisher granted, checked. */
export interface SessionTerms {
  readonly manifest: Manifest;
  readonly connection: Connection<'client'>;
  readonly controlBytes: number;
  readonly leases: number;
  readonly maxLag: number;
  readonly delivery: 'latest' | 'every';
  readonly share: Share;
  /** Of the first unit not seen yet. */
  readonly sequence: number;
  /** What this process adds to its CLOCK_MONOTONIC to get the publisher's. */
  readonly clockOffsetNs: number;
  /** The number that the publisher gave this subscriber. */
  readonly subscriber: number;
  /** Where frames are read. */
  readonly place: ReadingPlace;
  /** Frames: the data memory is the copy of a CUDA channel in host memory. */
  readonly copied: boolean;
  /** CUDA channels: bytes of the whole data memory. */
  readonly dataBytes: number | undefined;
  /** CUDA channels: the first sequence whose fence mirrors are written for this reader. */
  readonly mirroredFrom: number | undefined;
  /** Ends the subscriber: something that it needs is lost to this process. */
  readonly fail: (error: SluiceError) => void;
}

export interface LinkSession {
  readonly manifest: Manifest;
  readonly connection: Connection<'client'>;
  readonly doorbell: Doorbell;
  readonly terms: SessionTerms;
  /** The publisher is gone: what is here is all there will be. */
  ended: boolean;
  /** Nothing published is left to read, nor to be counted as lost. */
  readonly isThrough: boolean;
  readonly closed: boolean;
  /**
   * No more looks: memory goes when nothing of it is held any more, and then the connection too when `disconnects`.
   * Not before: a publisher that sees the end of a connection takes the leases back.
   */
  retire(disconnects?: boolean): void;
  /** Resolves when the data of everything that was taken is there, or will never be: at once, but for a GPU's. */
  untilComplete(): Promise<void>;
  /** Ends at once, whatever is held. Idempotent. */
  close(): void;
  /** Nothing of it is used any more: with `closed`, or later when a GPU of this process reads it. */
  readonly isSettled: boolean;
  /** Resolves when `isSettled`. */
  settle(): Promise<void>;
  /** What it waits for now, the work of a GPU, rings nobody: whoever waits must look. */
  readonly isSilent?: boolean;
}

export function protocolFailure(manifest: Manifest, problem: string): SluiceError<'PROTOCOL'> {
  return new SluiceError(
    'PROTOCOL',
    `the publisher of ${printable(manifest.channel)}: ${printable(problem)}`,
  );
}

/** Why a control block is not that of the publisher that announced it, or undefined when it is. */
export function instanceProblem(geometry: ControlGeometry, manifest: Manifest): string | undefined {
  const announced = instanceWords(manifest.instance);
  const same = geometry.instance.every((word, i) => word === announced[i]);
  return same ? undefined : 'its control block is of another instance than its manifest';
}
