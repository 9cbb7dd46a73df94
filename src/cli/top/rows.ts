/** What `top` shows: channels with their subscribers below them, sorted and filtered, as a table. */
import type { Paint } from '../paint.js';
import { type Column, displayWidth, fit, renderTable } from '../table.js';
import { formatBytes, formatCount, formatRate, plural } from '../units.js';
import type { ChannelSample, SubscriberSample } from './channel-sampler.js';

export const SORTS = ['name', 'rate', 'bytes', 'copied', 'p99', 'lost'] as const;
export type Sort = (typeof SORTS)[number];

export interface Selection {
  readonly sort: Sort;
  /** Part of a channel's name or of a subscriber's label. */
  readonly filter: string;
  /** Only subscribers of frames that copy, and their channels. */
  readonly copiesOnly: boolean;
}

/** A line of the table: a channel, or one of its subscribers. */
export interface Row {
  readonly channel: ChannelSample;
  readonly subscriber: SubscriberSample | undefined;
}

/** Whether frames are copied that could be read in place. Messages are copied by nature. */
export function copies({ channel, subscriber }: Row): boolean {
  return channel.manifest.kind === 'frame' && (subscriber?.facts.bytesCopied ?? 0) > 0;
}

export function rowsOf(channels: readonly ChannelSample[], selection: Selection): readonly Row[] {
  const { sort, filter, copiesOnly } = selection;
  const sorted = [...channels].sort(
    (a, b) => weight(b, sort) - weight(a, sort) || byName(a.manifest.channel, b.manifest.channel),
  );
  return sorted.flatMap((channel): Row[] => {
    const named = channel.manifest.channel.includes(filter);
    const below = channel.subscribers
      .map((subscriber): Row => ({ channel, subscriber }))
      .filter((row) => named || row.subscriber?.facts.label.includes(filter) === true)
      .filter((row) => !copiesOnly || copies(row));
    if (below.length === 0 && (copiesOnly || !named)) return [];
    return [{ channel, subscriber: undefined }, ...below];
  });
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is sorted by, most first; names are in order anyway. */
function weight(channel: ChannelSample, sort: Sort): number {
  switch (sort) {
    case 'name':
      return 0;
    case 'rate':
      return channel.publishedPerSecond;
    case 'bytes':
      return channel.bytesPerSecond;
    case 'copied':
      return copiedOf(channel);
    case 'p99':
      return Math.max(0, ...channel.subscribers.map(({ facts }) => facts.latencyUs.p99));
    case 'lost':
      return channel.subscribers.reduce((sum, { facts }) => sum + facts.lost, 0);
  }
}

export function inPlaceOf(channel: ChannelSample): number {
  return channel.subscribers.reduce((sum, { inPlacePerSecond }) => sum + inPlacePerSecond, 0);
}

export function copiedOf(channel: ChannelSample): number {
  return channel.subscribers.reduce((sum, { copiedPerSecond }) => sum + copiedPerSecond, 0);
}

/** `6 channels  10 subscribers   1.0 GB/s read in place   7 MB/s copied`. */
export function totalsText(channels: readonly ChannelSample[]): string {
  const sum = (of: (channel: ChannelSample) => number): number =>
    channels.reduce((total, channel) => total + of(channel), 0);
  return [
    plural(channels.length, 'channel'),
    plural(
      sum((channel) => channel.facts?.publisher.subscribers ?? 0),
      'subscriber',
    ),
    ` ${formatBytes(sum(inPlaceOf))}/s read in place`,
    ` ${formatBytes(sum(copiedOf))}/s copied`,
  ].join('  ');
}

interface TopColumn extends Column<Row> {
  /** The first to go where the terminal is narrow is the one with the highest number. */
  readonly spare?: number;
}

const MIN_NAME_WIDTH = 16;

/** The table, no wider than `width` cells where that can be had by leaving columns out. */
export function tableLines(rows: readonly Row[], width: number, paint: Paint): readonly string[] {
  let columns = columnsOf(paint, Infinity);
  for (let level = MOST_SPARE; level > 0; level--) {
    if (widthOf(columns, rows) <= width) break;
    columns = columns.filter(({ spare }) => spare !== level);
  }
  const tooWide = widthOf(columns, rows) - width;
  if (tooWide > 0) {
    const [first, ...rest] = columns as [TopColumn, ...TopColumn[]];
    const name = Math.max(MIN_NAME_WIDTH, widthOf([first], rows) - tooWide);
    columns = [{ ...first, title: fit(first.title, name), maxWidth: name }, ...rest];
  }
  return renderTable(columns, rows, paint.bold);
}

function widthOf(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  const bare = columns.map(({ title, align, text }) => ({ title, align, text }));
  return displayWidth(renderTable(bare, rows)[0] ?? '');
}

const MOST_SPARE = 4;

/** A cell that a channel or a subscriber leaves empty. */
const NONE = '-';

function columnsOf(paint: Paint, nameWidth: number): readonly TopColumn[] {
  return [
    {
      title: 'CHANNEL / SUBSCRIBER',
      align: 'left',
      maxWidth: nameWidth,
      text: nameText,
      paint: ({ subscriber }) => (subscriber === undefined ? paint.bold : (text) => text),
    },
    number('RATE/S', ({ channel, subscriber }) =>
      channel.facts === undefined
        ? channel.state
        : formatRate(subscriber?.receivedPerSecond ?? channel.publishedPerSecond),
    ),
    {
      ...number('PUBLISHED/S', (row) => ofChannel(row, (it) => formatBytes(it.bytesPerSecond))),
      spare: 3,
    },
    number('IN PLACE/S', ({ channel, subscriber }) =>
      formatBytes(subscriber?.inPlacePerSecond ?? inPlaceOf(channel)),
    ),
    {
      ...number('COPIED/S', ({ channel, subscriber }) =>
        formatBytes(subscriber?.copiedPerSecond ?? copiedOf(channel)),
      ),
      paint: (row) => (copies(row) ? paint.yellow : (text) => text),
    },
    {
      ...number('P50 us', (row) => ofSubscriber(row, (it) => micros(it.facts.latencyUs.p50))),
      spare: 4,
    },
    number('P99 us', (row) => ofSubscriber(row, (it) => micros(it.facts.latencyUs.p99))),
    {
      ...number('LAG', (row) => ofSubscriber(row, (it) => formatCount(it.facts.lag))),
      spare: 1,
    },
    number('HELD', heldText),
    {
      ...number('SKIP', (row) => ofSubscriber(row, (it) => formatCount(it.facts.skipped))),
      spare: 2,
    },
    {
      ...number('LOST', (row) => ofSubscriber(row, (it) => formatCount(it.facts.lost))),
      paint: ({ subscriber }) =>
        (subscriber?.facts.lost ?? 0) > 0 ? paint.red : (text: string) => text,
    },
    number('DROP', (row) => ofChannel(row, (it) => formatCount(it.facts?.publisher.dropped ?? 0))),
  ];
}

/** A subscriber that copies is marked by what the key for copies is. */
function nameText(row: Row): string {
  const { channel, subscriber } = row;
  if (subscriber === undefined) return channel.manifest.channel;
  const { label, id } = subscriber.facts;
  return `${copies(row) ? '!' : ' '} ${label || `#${id}`}`;
}

function number(title: string, text: (row: Row) => string): TopColumn {
  return { title, align: 'right', text };
}

function ofChannel({ channel, subscriber }: Row, text: (it: ChannelSample) => string): string {
  return subscriber === undefined ? text(channel) : NONE;
}

function ofSubscriber({ subscriber }: Row, text: (it: SubscriberSample) => string): string {
  return subscriber === undefined ? NONE : text(subscriber);
}

function micros(value: number): string {
  return formatCount(value);
}

function heldText({ channel, subscriber }: Row): string {
  if (channel.manifest.kind === 'message' || channel.facts === undefined) return NONE;
  if (subscriber !== undefined) return `${subscriber.facts.held}/${subscriber.facts.leases}`;
  const { slotsHeld, slots } = channel.facts.publisher;
  return `${slotsHeld}/${slots}`;
}
