/** Opens a part of any kind. What comes of it is the same to whoever runs it. */
import type { CloseReason } from '../../bus/index.js';
import { isChannelPattern } from '../../core/index.js';
import { type CameraStats, type CameraStatus, openCamera } from '../camera/index.js';
import { openEncoder } from '../encode/index.js';
import { openFilter } from '../filter/index.js';
import { type Health, openMetricsServer, openMqttReport } from '../health/index.js';
import { type McapRecording, openMcapRecording } from '../mcap/index.js';
import { openMosaic } from '../mosaic/index.js';
import {
  openPatternRecording,
  openRecording,
  type PatternRecording,
  type Recording,
  type RecordOptions,
} from '../record/index.js';
import { segmentPath } from '../record/segments.js';
import { openTap } from '../tap/index.js';
import { isMcap, type Part } from './part-spec.js';

export interface OpenPart {
  readonly closed: Promise<CloseReason>;
  /** What there is to say of it, for a person. */
  readonly about: string;
  /** What it counts; of a camera there is more in `camera`. */
  readonly stats?: () => object;
  readonly camera?: () => CameraStats;
  close(): Promise<void>;
}

export interface PartSurroundings {
  readonly directory: string | undefined;
  readonly version: string;
  readonly health: () => Health;
}

export interface PartListeners {
  readonly signal: AbortSignal;
  /** What a report has told of, kept from one opening to the next. */
  readonly told: Set<string>;
  readonly onCamera: (status: CameraStatus) => void;
  /** It goes on, but not with all. */
  readonly onProblem: (about: string, error: unknown) => void;
}

export async function openPart(
  { name, spec }: Part,
  { directory, version, health }: PartSurroundings,
  { signal, told, onCamera, onProblem }: PartListeners,
): Promise<OpenPart> {
  const common = { signal, ...(directory === undefined ? {} : { directory }) };
  switch (spec.kind) {
    case 'camera': {
      const camera = await openCamera(name, { ...spec.options, ...common, onStatus: onCamera });
      const about = `from ${camera.stats().input}`;
      return { ...opened(camera, about), camera: () => camera.stats() };
    }
    case 'filter': {
      const filter = await openFilter(name, spec.inputs, { ...spec.options, ...common, onProblem });
      return opened(filter, `of ${spec.inputs.join(', ')}`, () => filter.stats());
    }
    case 'mosaic': {
      const mosaic = await openMosaic(name, spec.inputs, { ...spec.options, ...common, onProblem });
      return opened(mosaic, `of ${spec.inputs.join(', ')}`, () => mosaic.stats());
    }
    case 'recorder': {
      const recording = await openRecorder(spec.channel, { ...spec.options, ...common }, onProblem);
      return opened(recording, `of ${spec.channel} into ${spec.options.file}`, () =>
        recording.stats(),
      );
    }
    case 'encoder': {
      const encoder = await openEncoder(name, spec.input, { ...spec.options, ...common });
      return opened(encoder, `of ${spec.input}`, () => encoder.stats());
    }
    case 'tap': {
      const tap = await openTap(spec.channel, { ...spec.options, ...common });
      return opened(tap, `${spec.channel} at ${tap.url}`, () => tap.stats());
    }
    case 'metrics': {
      const server = await openMetricsServer(spec.address, version, health);
      return opened(server, `at ${server.url}/metrics`);
    }
    case 'mqtt': {
      const report = await openMqttReport(spec.options, health, told, signal);
      return opened(report, `connected to ${report.url}`);
    }
  }
}

async function openRecorder(
  channel: string,
  options: RecordOptions,
  onProblem: PartListeners['onProblem'],
): Promise<Recording | PatternRecording | McapRecording> {
  if (isMcap(options)) {
    const file = segmentPath(options.file, new Date());
    return openMcapRecording(channel, { ...options, file, onProblem });
  }
  if (!isChannelPattern(channel)) return openRecording(channel, options);
  return openPatternRecording(channel, {
    ...options,
    onChange: ({ channel: ended, error }) => error && onProblem(ended, error),
  });
}

function opened(
  open: { readonly closed: Promise<CloseReason>; close(): Promise<void> },
  about: string,
  stats?: () => object,
): OpenPart {
  const common = { closed: open.closed, about, close: () => open.close() };
  return stats === undefined ? common : { ...common, stats };
}
