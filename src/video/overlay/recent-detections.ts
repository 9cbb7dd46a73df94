/**
 * The last detections of each camera, for whoever draws them over its pictures. Those of the very frame that is shown are
 * taken where they have come; otherwise the newest, paler the further their frame is away, and none in the end.
 */
import type { AllowedPeers } from '../../bus/index.js';
import type { Detections } from '../detections/detections.js';
import { type DetectionMessage, openDetectionSubscriber } from '../detections/index.js';
import type { DerivedOptions } from '../inputs/derived-options.js';
import { keepReading } from '../inputs/keep-reading.js';
import type { VideoFrame } from '../inputs/latest-frames.js';
import type { OverlayOptions } from './options.js';

interface RecentDetectionsOptions {
  /** Channels and patterns. */
  readonly channels: readonly string[];
  /** From half of this age on they fade, and are gone then. */
  readonly maxAgeMs: number;
  readonly label: string;
  readonly directory?: string | undefined;
  readonly allow?: AllowedPeers | undefined;
  readonly onProblem: (channel: string, error: unknown) => void;
}

/** What one detector found, and how strongly to show it: 1 to 256. */
export interface ShownDetections {
  readonly value: Detections;
  readonly opacity: number;
}

/** Of one detector for one camera: enough for a picture to wait some frames for its own. */
const KEPT = 16;
const MOST_CAMERAS = 256;
const MOST_DETECTORS = 16;
const OPAQUE = 256;
const NS_PER_MS = 1e6;

/** By the channel of the detector, oldest first. */
type ByDetector = Map<string, DetectionMessage[]>;

/** Undefined where none are to be drawn. To be closed. */
export function recentDetections(
  { detections, maxDetectionAgeMs }: Required<OverlayOptions>,
  { directory, allow, onProblem = () => undefined }: DerivedOptions,
  label: string,
): RecentDetections | undefined {
  if (detections.length === 0) return undefined;
  const reading = { channels: detections, maxAgeMs: maxDetectionAgeMs, label };
  return new RecentDetections({ ...reading, directory, allow, onProblem });
}

/** To be closed. */
export class RecentDetections {
  readonly #options: RecentDetectionsOptions;
  readonly #byCamera = new Map<string, ByDetector>();
  readonly #end = new AbortController();
  readonly #running: readonly Promise<void>[];

  constructor(options: RecentDetectionsOptions) {
    this.#options = options;
    this.#running = options.channels.map((channel) =>
      keepReading({
        signal: this.#end.signal,
        read: (onUnit) => this.#read(channel, onUnit),
        onFailure: (failure) => options.onProblem(channel, failure),
      }),
    );
  }

  /** What there is to be drawn over a frame, a detector at a time. */
  of(frame: VideoFrame): readonly ShownDetections[] {
    const shown: ShownDetections[] = [];
    for (const messages of this.#byCamera.get(frame.channel)?.values() ?? []) {
      const exact = messages.findLast(({ value }) => isOf(value, frame));
      const message = exact ?? messages.at(-1)!;
      const opacity = exact === undefined ? this.#opacity(message, frame) : OPAQUE;
      if (opacity > 0) shown.push({ value: message.value, opacity });
    }
    return shown;
  }

  async close(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }

  async #read(channel: string, onUnit: () => void): Promise<unknown> {
    const { label, directory, allow, onProblem } = this.#options;
    await using subscriber = await openDetectionSubscriber(channel, {
      label,
      signal: this.#end.signal,
      onProblem: (error) => onProblem(channel, error),
      ...(directory === undefined ? {} : { directory }),
      ...(allow === undefined ? {} : { allow }),
    });
    for await (const message of subscriber) {
      onUnit();
      this.#keep(message);
    }
    return 'ended';
  }

  #keep(message: DetectionMessage): void {
    const camera = message.value.frame.channel;
    const detectors = roomFor(this.#byCamera, camera, MOST_CAMERAS, (): ByDetector => new Map());
    const messages = roomFor(detectors, message.channel, MOST_DETECTORS, () => []);
    messages.push(message);
    if (messages.length > KEPT) messages.shift();
  }

  /** By how far its frame is from the one that is shown, on the clock of this process. */
  #opacity({ packet, timeNs }: DetectionMessage, frame: VideoFrame): number {
    const { maxAgeMs } = this.#options;
    const captureNs =
      packet === undefined || packet.captureTimeNs === 0 ? timeNs : packet.captureTimeNs;
    const ageMs = Math.abs(frame.captureTimeNs - captureNs) / NS_PER_MS;
    // Also of what is no number.
    if (!(ageMs < maxAgeMs)) return 0;
    return Math.min(OPAQUE, Math.round(2 * OPAQUE * (1 - ageMs / maxAgeMs)));
  }
}

function isOf({ frame: found }: Detections, { instance, epoch, sequence }: VideoFrame): boolean {
  return found.sequence === sequence && found.epoch === epoch && found.instance === instance;
}

/** The entry of a key; where there are too many, the one that was made first goes. */
function roomFor<V>(map: Map<string, V>, key: string, most: number, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    if (map.size >= most) map.delete(map.keys().next().value!);
    found = make();
    map.set(key, found);
  }
  return found;
}
