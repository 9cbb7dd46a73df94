/** The parts of a file: what runs, told apart by kind and name; what was written twice. */
import { checkCameraOptions, type CameraOptions } from '../camera/options.js';
import type { EncoderOptions } from '../encode/encoder.js';
import { checkFilter, type FilterOptions, type FilterTarget } from '../filter/options.js';
import { checkTapOptions, type TapOptions } from '../tap/options.js';
import { checkMqttOptions, type MqttOptions, parseMetricsAddress } from '../health/index.js';
import type { Config } from './schema.js';
import type { Path } from './positions.js';

export type PartSpec =
  | { readonly kind: 'camera'; readonly options: CameraOptions; readonly staleAfterMs: number }
  | { readonly kind: 'filter'; readonly inputs: readonly string[]; readonly options: FilterOptions }
  | { readonly kind: 'encoder'; readonly input: string; readonly options: EncoderOptions }
  | { readonly kind: 'tap'; readonly channel: string; readonly options: TapOptions }
  | { readonly kind: 'metrics'; readonly address: string }
  | { readonly kind: 'mqtt'; readonly options: MqttOptions };

export interface Part {
  /** Channel, name of a tap, or '' for what there is one of. */
  readonly name: string;
  readonly spec: PartSpec;
  /** Where it is written. */
  readonly path: Path;
}

export const DEFAULT_STALE_AFTER_MS = 5000;

/** `secretsAt`: values of variables that stand at a place. */
export function partsOf(config: Config, secretsAt: (path: Path) => readonly string[]): Part[] {
  const { cameras = {}, filters = {}, encoders = {}, taps = {}, metrics, mqtt } = config;
  const { staleAfterMs = DEFAULT_STALE_AFTER_MS } = config;
  const parts: Part[] = [];
  const add = (section: string, name: string, spec: PartSpec): void => {
    parts.push({ name, spec, path: name === '' ? [section] : [section, name] });
  };
  for (const [name, { staleAfterMs: own = staleAfterMs, ...rest }] of Object.entries(cameras)) {
    const secrets = secretsAt(['cameras', name, 'input']);
    const options = secrets.length === 0 ? rest : { ...rest, secrets };
    add('cameras', name, { kind: 'camera', options, staleAfterMs: own });
  }
  for (const [name, { inputs, to, ...rest }] of Object.entries(filters)) {
    const options = { ...rest, to: to as FilterTarget };
    add('filters', name, { kind: 'filter', inputs, options });
  }
  for (const [name, { input, ...options }] of Object.entries(encoders)) {
    add('encoders', name, { kind: 'encoder', input, options });
  }
  for (const [name, { channel, ...options }] of Object.entries(taps)) {
    add('taps', name, { kind: 'tap', channel, options });
  }
  if (metrics !== undefined) add('metrics', '', { kind: 'metrics', address: metrics });
  if (mqtt !== undefined) add('mqtt', '', { kind: 'mqtt', options: mqtt });
  return parts;
}

/** Throws `TypeError` or `RangeError` for what the part would refuse to be opened with. */
export function checkPart({ name, spec }: Part): void {
  if (spec.kind === 'camera') checkCameraOptions(spec.options);
  else if (spec.kind === 'filter') checkFilter(name, spec.inputs, spec.options);
  else if (spec.kind === 'tap') checkTapOptions(spec.options);
  else if (spec.kind === 'metrics') parseMetricsAddress(spec.address);
  else if (spec.kind === 'mqtt') checkMqttOptions(spec.options);
}

/** What only one part can have: channels that it publishes, places where it listens. */
export function claimsOf({ name, spec }: Part): readonly string[] {
  switch (spec.kind) {
    case 'camera': {
      const beside = spec.options.audio === 'none' ? ['packets'] : ['packets', 'audio'];
      return [name, ...beside.map((stem) => `${name}/${stem}`)].map(asChannel);
    }
    case 'filter': {
      const isTensor = 'layout' in spec.options.to;
      return (isTensor ? [name, `${name}/inputs`] : [name]).map(asChannel);
    }
    case 'encoder':
      return [asChannel(name)];
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
