/** The parts of a file: what runs, told apart by kind and name; what was written twice. */
import { assertChannelPattern, isChannelPattern } from '../../core/index.js';
import { cameraInput } from '../camera/input.js';
import { checkCameraOptions, type CameraOptions } from '../camera/options.js';
import { subStreamChannel, type SubStreamInput, subStreamOptions } from '../camera/sub-stream.js';
import type { EncoderOptions } from '../encode/encoder.js';
import { checkFilter, type FilterOptions, type FilterTarget } from '../filter/options.js';
import { checkMosaic, type MosaicOptions } from '../mosaic/options.js';
import { packetChannelOf } from '../packets/packet-channel.js';
import { checkRecordOptions, type RecordOptions } from '../record/options.js';
import { checkPlaceOfChannel } from '../record/pattern-recording.js';
import { checkTapOptions, type TapOptions } from '../tap/options.js';
import {
  checkMqttOptions,
  DEFAULT_STALE_AFTER_MS,
  type MqttOptions,
  parseMetricsAddress,
} from '../health/index.js';
import type { Config } from './schema.js';
import type { Path } from './positions.js';

export type PartSpec =
  | { readonly kind: 'camera'; readonly options: CameraOptions; readonly staleAfterMs: number }
  | { readonly kind: 'filter'; readonly inputs: readonly string[]; readonly options: FilterOptions }
  | { readonly kind: 'encoder'; readonly input: string; readonly options: EncoderOptions }
  | { readonly kind: 'tap'; readonly channel: string; readonly options: TapOptions }
  | { readonly kind: 'mosaic'; readonly inputs: readonly string[]; readonly options: MosaicOptions }
  | { readonly kind: 'recorder'; readonly channel: string; readonly options: RecordOptions }
  | { readonly kind: 'metrics'; readonly address: string }
  | { readonly kind: 'mqtt'; readonly options: MqttOptions };

export interface Part {
  /** Channel, name of a tap, or '' for what there is one of. */
  readonly name: string;
  readonly spec: PartSpec;
  /** Where it is written. */
  readonly path: Path;
}

const DEFAULT_SEGMENT_SECONDS = 600;

/** `secretsAt`: values of variables that stand at a place. */
export function partsOf(config: Config, secretsAt: (path: Path) => readonly string[]): Part[] {
  const { cameras = {}, filters = {}, mosaics = {}, encoders = {}, taps = {} } = config;
  const { recorders = {}, metrics, mqtt } = config;
  const { staleAfterMs = DEFAULT_STALE_AFTER_MS } = config;
  const parts: Part[] = [];
  const add = (section: string, name: string, spec: PartSpec): void => {
    parts.push({ name, spec, path: name === '' ? [section] : [section, name] });
  };
  for (const [name, camera] of Object.entries(cameras)) {
    parts.push(...camerasOf(name, { staleAfterMs, ...camera }, secretsAt));
  }
  for (const [name, { inputs, to, ...rest }] of Object.entries(filters)) {
    const options = { ...rest, to: to as FilterTarget };
    add('filters', name, { kind: 'filter', inputs, options });
  }
  for (const [name, { inputs, ...options }] of Object.entries(mosaics)) {
    add('mosaics', name, { kind: 'mosaic', inputs, options });
  }
  for (const [name, { input, ...options }] of Object.entries(encoders)) {
    add('encoders', name, { kind: 'encoder', input, options });
  }
  for (const [name, { channel, ...options }] of Object.entries(taps)) {
    add('taps', name, { kind: 'tap', channel, options });
  }
  for (const [name, { channel, ...options }] of Object.entries(recorders)) {
    add('recorders', name, { kind: 'recorder', channel, options: inSegments(options) });
  }
  if (metrics !== undefined) add('metrics', '', { kind: 'metrics', address: metrics });
  if (mqtt !== undefined) add('mqtt', '', { kind: 'mqtt', options: mqtt });
  return parts;
}

type CameraConfig = NonNullable<Config['cameras']>[string];

/** The camera, and its sub-stream where it has one: a part each, so each has its own health. */
function camerasOf(
  name: string,
  config: CameraConfig & { readonly staleAfterMs: number },
  secretsAt: (path: Path) => readonly string[],
): Part[] {
  const { staleAfterMs, input, subStream, ...rest } = config;
  const path = ['cameras', name];
  const inputAt = (key: 'input' | 'subStream', text: string): SubStreamInput => {
    const secrets = secretsAt([...path, key]);
    return secrets.length === 0 ? { input: text } : { input: text, secrets };
  };
  const part = (channel: string, options: CameraOptions, at: Path): Part => {
    return { name: channel, spec: { kind: 'camera', options, staleAfterMs }, path: at };
  };
  const options = { ...rest, ...inputAt('input', input) };
  const main = part(name, options, path);
  if (subStream === undefined) return [main];
  const sub = subStreamOptions(options, inputAt('subStream', subStream));
  return [main, part(subStreamChannel(name), sub, [...path, 'subStream'])];
}

/** A part may be opened again at any time: a file of one name would then be written over. */
function inSegments(options: RecordOptions): RecordOptions {
  if (isMcap(options)) return options;
  return { segmentSeconds: DEFAULT_SEGMENT_SECONDS, ...options };
}

export function isMcap({ file }: RecordOptions): boolean {
  return file.endsWith('.mcap');
}

/** Throws `TypeError` or `RangeError` for what the part would refuse to be opened with. */
export function checkPart({ name, spec }: Part): void {
  if (spec.kind === 'camera') checkCameraOptions(spec.options);
  else if (spec.kind === 'filter') checkFilter(name, spec.inputs, spec.options);
  else if (spec.kind === 'mosaic') checkMosaic(name, spec.inputs, spec.options);
  else if (spec.kind === 'recorder') checkRecorder(spec.channel, spec.options);
  else if (spec.kind === 'tap') checkTapOptions(spec.options);
  else if (spec.kind === 'metrics') parseMetricsAddress(spec.address);
  else if (spec.kind === 'mqtt') checkMqttOptions(spec.options);
}

function checkRecorder(channel: string, options: RecordOptions): void {
  if (!isMcap(options)) {
    assertChannelPattern(channel);
    if (isChannelPattern(channel)) checkPlaceOfChannel(options.file);
    checkRecordOptions(options);
    return;
  }
  assertChannelPattern(channel);
  for (const key of ['preRollSeconds', 'segmentSeconds', 'keepSeconds', 'maxBytes'] as const) {
    if (options[key] !== undefined) throw new TypeError(`${key} is for .mp4 and .mkv`);
  }
}

/** What only one part can have: channels that it publishes, places where it listens. */
export function claimsOf({ name, spec }: Part): readonly string[] {
  switch (spec.kind) {
    case 'camera': {
      // Devices and screens have frames alone: an encoder may stand beside them.
      if (cameraInput(spec.options).isRaw) return [asChannel(name)];
      const sound = spec.options.audio === 'none' ? [] : ['audio', 'audio/pcm'];
      const beside = ['packets', ...sound];
      return [name, ...beside.map((stem) => `${name}/${stem}`)].map(asChannel);
    }
    case 'filter': {
      const isTensor = 'layout' in spec.options.to;
      return (isTensor ? [name, `${name}/inputs`] : [name]).map(asChannel);
    }
    case 'recorder':
      return [`the file ${spec.options.file}`];
    case 'mosaic':
      return [asChannel(name)];
    case 'encoder':
      return [asChannel(packetChannelOf(name))];
    case 'tap': {
      const { socket, tcp } = spec.options;
      if (socket !== undefined) return [`the socket ${socket}`];
      // Port 0 is any that is free.
      return tcp === undefined || tcp.endsWith(':0') ? [] : [`the address ${tcp}`];
    }
    default:
      return [];
  }
}

function asChannel(name: string): string {
  return `the channel ${name}`;
}

/** The same with another place for Prometheus or for MQTT, or with one at all. */
export function withServices<T extends { readonly parts: readonly Part[] }>(
  plan: T,
  { metrics, mqtt }: { readonly metrics?: string; readonly mqtt?: MqttOptions },
): T {
  const given: PartSpec[] = [
    ...(metrics === undefined ? [] : [{ kind: 'metrics', address: metrics } as const]),
    ...(mqtt === undefined ? [] : [{ kind: 'mqtt', options: mqtt } as const]),
  ];
  const kept = plan.parts.filter(({ spec }) => given.every(({ kind }) => kind !== spec.kind));
  return { ...plan, parts: [...kept, ...given.map((spec) => ({ name: '', spec, path: [] }))] };
}
