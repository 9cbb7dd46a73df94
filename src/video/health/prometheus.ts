/**
 * Health in the text format of Prometheus, version 0.0.4: one family of samples after the other, each behind its HELP
 * and TYPE. Times are in seconds and amounts in bytes; names of counters end in _total.
 */
import type { CameraHealth, Health, PartHealth } from './health.js';

type Labels = Readonly<Record<string, string>>;

interface Family<T> {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** Undefined: there is no such sample now. */
  readonly value: (source: T) => number | undefined;
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const CAMERA_FAMILIES: readonly Family<CameraHealth>[] = [
  gauge('healthy', 'Whether the camera gives what it should: 1 or 0.', (c) => Number(c.healthy)),
  gauge('live', 'Whether the input is connected: 1 or 0.', (c) => Number(c.state === 'live')),
  counter('frames', 'Frames published.', (c) => c.frames),
  gauge('frames_per_second', 'Frames published in the last second.', (c) => c.framesPerSecond),
  counter('pictures', 'Pictures received, decoded or not.', (c) => c.pictures),
  counter('dropped_pictures', 'Pictures that never became frames.', (c) => c.dropped),
  gauge('received_bytes_per_second', 'Size of the packets of pictures, over seconds.', (c) => {
    return c.bitsPerSecond / 8;
  }),
  gauge('decode_seconds', 'From packet to published frame, mean of the last ones.', (c) => {
    return c.decodeMs / 1000;
  }),
  gauge('last_frame_age_seconds', 'Since the newest frame; absent before the first.', (c) => {
    return c.lastFrameAgeMs < 0 ? undefined : c.lastFrameAgeMs / 1000;
  }),
  counter('reconnects', 'Times the input was opened again.', (c) => c.reconnects),
  counter('restarts', 'Times the camera was opened anew after it had failed.', (c) => c.restarts),
];

const PART_FAMILIES: readonly Family<PartHealth>[] = [
  {
    name: 'sluice_part_running',
    type: 'gauge',
    help: 'Whether a part of the file runs: 1 or 0.',
    value: ({ state }) => Number(state === 'running'),
  },
  {
    name: 'sluice_part_restarts_total',
    type: 'counter',
    help: 'Times a part was opened anew after it had failed.',
    value: ({ restarts }) => restarts,
  },
];

const TAP_FAMILIES: readonly Family<PartHealth>[] = [
  counted('tap_clients', 'gauge', 'Clients that are connected.', 'clients'),
  counted('tap_sent_pictures_total', 'counter', 'Pictures or packets sent.', 'framesSent'),
  counted('tap_skipped_pictures_total', 'counter', 'Passed over for slow ones.', 'framesSkipped'),
  counted('tap_sent_bytes_total', 'counter', 'Bytes that clients have taken.', 'bytesSent'),
];

const RECORDER_FAMILIES: readonly Family<PartHealth>[] = [
  counted('recorder_written_bytes_total', 'counter', 'Bytes of the files.', 'bytes'),
  counted('recorder_lost_units_total', 'counter', 'Missed, for want of speed.', 'lost'),
];

export function prometheusText({ cameras, parts, healthy }: Health, version: string): string {
  const build = 'Version of Sluice, as a label.';
  const all = 'Whether all cameras are well and all parts run: 1 or 0.';
  const ofKind = (wanted: string): PartHealth[] => parts.filter(({ kind }) => kind === wanted);
  const byName = ({ name }: PartHealth): Labels => ({ name });
  return [
    ...head('sluice_build_info', 'gauge', build),
    sample('sluice_build_info', { version }, 1),
    ...head('sluice_healthy', 'gauge', all),
    sample('sluice_healthy', {}, Number(healthy)),
    ...CAMERA_FAMILIES.flatMap((family) => lines(family, cameras, ({ channel }) => ({ channel }))),
    ...PART_FAMILIES.flatMap((family) =>
      lines(family, parts, ({ kind, name }) => ({ kind, name })),
    ),
    ...TAP_FAMILIES.flatMap((family) => lines(family, ofKind('tap'), byName)),
    ...RECORDER_FAMILIES.flatMap((family) => lines(family, ofKind('recorder'), byName)),
    '',
  ].join('\n');
}

function gauge(
  name: string,
  help: string,
  value: Family<CameraHealth>['value'],
): Family<CameraHealth> {
  return { name: `sluice_camera_${name}`, type: 'gauge', help, value };
}

function counter(
  name: string,
  help: string,
  value: Family<CameraHealth>['value'],
): Family<CameraHealth> {
  return { name: `sluice_camera_${name}_total`, type: 'counter', help, value };
}

function counted(
  name: string,
  type: Family<PartHealth>['type'],
  help: string,
  key: string,
): Family<PartHealth> {
  const value = ({ stats }: PartHealth): number | undefined => {
    const found = stats?.[key];
    return typeof found === 'number' ? found : undefined;
  };
  return { name: `sluice_${name}`, type, help, value };
}

function lines<T>(
  family: Family<T>,
  sources: readonly T[],
  labels: (source: T) => Labels,
): string[] {
  const samples = sources.flatMap((source) => {
    const value = family.value(source);
    return value === undefined ? [] : [sample(family.name, labels(source), value)];
  });
  return samples.length === 0 ? [] : [...head(family.name, family.type, family.help), ...samples];
}

function head(name: string, type: Family<unknown>['type'], help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function sample(name: string, labels: Labels, value: number): string {
  const words = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  const inside = words.length === 0 ? '' : `{${words.join(',')}}`;
  return `${name}${inside} ${value}`;
}

function escapeLabel(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', '\\n');
}
