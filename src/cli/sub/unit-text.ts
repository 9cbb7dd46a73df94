/** A frame or message as one line, for people or as JSON. */
import { isSluiceError, printable } from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { describeFormat, type FrameFormat, type MessageFormat } from '../../format/index.js';
import type { Frame } from '../../bus/subscriber/received-frame.js';
import type { Message } from '../../bus/subscriber/received-message.js';
import { safeJson } from '../safe-json.js';
import { formatBytes } from '../units.js';

/** A text may be as long as the ring lets it be. */
const WHOLE = Number.MAX_SAFE_INTEGER;

export function messageLine(message: Message<MessageFormat>, withChannel: boolean): string {
  const prefix = withChannel ? `${message.channel}: ` : '';
  return `${prefix}${messageText(message)}`;
}

function messageText({ value, byteLength, sequence, packet }: Message<MessageFormat>): string {
  if (typeof value === 'string') return printable(value, WHOLE);
  if (!(value instanceof Uint8Array)) return safeJson(value);
  const key = packet?.keyFrame === true ? ' key' : '';
  return `#${sequence} ${formatBytes(byteLength)}${key}`;
}

export function messageJson(message: Message<MessageFormat>): string {
  const { channel, sequence, type, timeNs, byteLength, value, packet } = message;
  return safeJson({
    channel,
    sequence,
    type,
    timeNs: Number.isNaN(timeNs) ? null : timeNs,
    byteLength,
    ...(value instanceof Uint8Array ? packetJson(packet) : { value }),
  });
}

function packetJson(packet: Message<MessageFormat>['packet']): object {
  if (packet === undefined) return {};
  const { ptsNs, dtsNs, keyFrame, id, captureTimeNs } = packet;
  return { ptsNs, dtsNs, keyFrame, id, captureTimeNs };
}

export function frameLine(frame: Frame<FrameFormat>, withChannel: boolean): string {
  const prefix = withChannel ? `${frame.channel}: ` : '';
  const ageUs = Math.max(0, (monotonicNs() - frame.publishTimeNs) / 1000);
  const notes = [
    frame.skipped > 0 ? `${frame.skipped} skipped` : '',
    frame.state === 'ready' ? '' : frame.state,
    ...Object.entries(frame.flags).map(([name, set]) => (set ? name : '')),
  ].filter((note) => note !== '');
  return [
    `${prefix}#${frame.sequence}`,
    describeFormat(frame.format),
    formatBytes(frame.byteLength),
    `pts ${(frame.ptsNs / 1e9).toFixed(3)} s`,
    `${ageUs.toFixed(0)} us old`,
    ...notes,
  ].join('  ');
}

export function frameJson(frame: Frame<FrameFormat>): string {
  const { channel, epoch, sequence, skipped, flags, id, ptsNs, captureTimeNs } = frame;
  const { publishTimeNs, byteLength, state, memory } = frame;
  const userData = Buffer.from(frame.userData).toString('base64');
  return safeJson({
    channel,
    epoch,
    sequence,
    skipped,
    state,
    flags,
    id,
    ptsNs,
    captureTimeNs,
    publishTimeNs,
    byteLength,
    memory,
    ...(userData === '' ? {} : { userData }),
  });
}

/** Whether reading can go on: this message was not of its format, and has been passed. */
export function isPassed(error: unknown): boolean {
  return isSluiceError(error, 'INVALID_MESSAGE');
}
