/** What the publisher of a camera tells of it, made safe; as a line, and as a table of cameras. */
import { printable } from '../core/index.js';
import type { CameraStats } from '../video/index.js';
import type { ChannelReport } from './channel-reports.js';
import { type Column, renderTable } from './table.js';
import type { Paint } from './paint.js';
import { formatCount, formatDuration, formatRate, plural } from './units.js';

/** What is told of it to other processes: foreign, so any text may stand for a state. */
export type CameraFacts = {
  readonly [Name in Exclude<keyof CameraStats, 'frames'>]: CameraStats[Name] extends number
    ? number
    : string;
};

/** A channel whose publisher tells that it is a camera. */
export interface CameraRow {
  readonly channel: string;
  readonly camera: CameraFacts;
}

const MAX_TEXT = 512;

/** Undefined when the publisher is no camera, or did not answer. */
export function cameraFacts({ facts }: ChannelReport): CameraFacts | undefined {
  const told = facts?.publisher.userStats?.['camera'];
  if (typeof told !== 'object' || told === null) return undefined;
  const fields = told as Readonly<Record<string, unknown>>;
  const number = (key: string, least = 0): number => {
    const value = fields[key];
    return typeof value === 'number' && value >= least && value <= 1e15 ? value : least;
  };
  const text = (key: string): string => {
    const value = fields[key];
    return typeof value === 'string' ? printable(value, MAX_TEXT) : '';
  };
  return {
    state: text('state'),
    input: text('input'),
    codec: text('codec'),
    decoder: text('decoder'),
    wanted: text('wanted'),
    framesPerSecond: number('framesPerSecond'),
    bitsPerSecond: number('bitsPerSecond'),
    pictures: number('pictures'),
    dropped: number('dropped'),
    decodeMs: number('decodeMs'),
    lastFrameAgeMs: number('lastFrameAgeMs', -1),
    reconnects: number('reconnects'),
    lastError: text('lastError'),
  };
}

/** `live, h264 by ffmpeg, 25.0 fps, 4.0 Mbit/s, decode 12.5 ms, 0 dropped, last frame 40 ms ago, 2 reconnects`. */
export function cameraText(camera: CameraFacts): string {
  const { state, codec, decoder, wanted, dropped, reconnects, lastError } = camera;
  const by = decoder === '' ? '' : ` by ${decoder}`;
  const parts = [
    state,
    `${codec}${by}`,
    wanted === 'none' ? 'nobody reads' : `${formatRate(camera.framesPerSecond)} fps`,
    bitRateText(camera),
    `decode ${decodeText(camera)}`,
    `${formatCount(dropped)} dropped`,
    camera.lastFrameAgeMs < 0 ? 'no frame yet' : `last frame ${ageText(camera)} ago`,
    plural(reconnects, 'reconnect'),
  ];
  return (lastError === '' ? parts : [...parts, lastError])
    .filter((part) => part !== '')
    .join(', ');
}

/** Every camera among the channels, with what is asked first of one that is not well. */
export function cameraLines(reports: readonly ChannelReport[], paint: Paint): readonly string[] {
  const rows = reports.flatMap((report): CameraRow[] => {
    const camera = cameraFacts(report);
    return camera === undefined ? [] : [{ channel: report.manifest.channel, camera }];
  });
  return rows.length === 0 ? [] : renderTable(columnsOf(paint), rows, paint.bold);
}

function columnsOf(paint: Paint): readonly Column<CameraRow>[] {
  const plain = (text: string): string => text;
  const number = (title: string, text: (camera: CameraFacts) => string): Column<CameraRow> => {
    return { title, align: 'right', text: ({ camera }) => text(camera) };
  };
  return [
    { title: 'CAMERA', align: 'left', text: ({ channel }) => channel, maxWidth: 40 },
    {
      title: 'STATE',
      align: 'left',
      text: ({ camera }) => camera.state,
      paint: ({ camera }) => (camera.state === 'live' ? paint.green : paint.red),
    },
    { title: 'DECODER', align: 'left', text: ({ camera }) => camera.decoder || '-' },
    number('FPS', ({ framesPerSecond }) => formatRate(framesPerSecond)),
    number('BITRATE', bitRateText),
    number('DECODE', decodeText),
    {
      ...number('DROP', ({ dropped }) => formatCount(dropped)),
      paint: ({ camera }) => (camera.dropped > 0 ? paint.yellow : plain),
    },
    number('AGE', ageText),
    number('RECONNECTS', ({ reconnects }) => formatCount(reconnects)),
    { title: 'SAYS', align: 'left', text: ({ camera }) => camera.lastError || '-', maxWidth: 60 },
  ];
}

function bitRateText({ bitsPerSecond }: CameraFacts): string {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return bitsPerSecond === 0 ? '-' : `${(bitsPerSecond / 1e3).toFixed(0)} kbit/s`;
}

function decodeText({ decodeMs }: CameraFacts): string {
  return decodeMs === 0 ? '-' : `${decodeMs.toFixed(1)} ms`;
}

function ageText({ lastFrameAgeMs }: CameraFacts): string {
  if (lastFrameAgeMs < 0) return '-';
  return lastFrameAgeMs < 1000 ? `${lastFrameAgeMs.toFixed(0)} ms` : formatDuration(lastFrameAgeMs);
}
