/** What both ends of the round trips of `gpu-fences` agree on. */
import {
  type FrameFormat,
  type FramePublisher,
  type FrameSubscriber,
  openPublisher,
  openSubscriber,
  tensor,
  tensors,
  video,
} from '../../index.js';
import { addressOf } from '../../ffi/index.js';
import { copyToHost, type Stream, streamHandle, useDevice } from '../../gpu/index.js';
import type { GpuGiven } from './serve.js';

export interface TripGiven extends GpuGiven {
  readonly end: 'ping' | 'pong';
  /** Of the frames that are copied: a multiple of 16. */
  readonly width: number;
}

/** A reader holds so many frames: that is how far trips are enqueued ahead on one channel. */
export const TRIPS_A_CHANNEL = 16;
/** Several channels a direction, because each leases so few frames ahead of its GPU. */
export const CHANNELS = 4;

const FRAME_BYTES = 4096;
/** Leases, the lag that was promised, and the one being written: with room. */
const SLOTS = 2 * TRIPS_A_CHANNEL + 8;
/** Of the channels in host memory: one under way, one held, and room. */
const COPY_SLOTS = 4;

export function socketPathOf({ directory }: GpuGiven): string {
  return `${directory}/gpu-trip.sock`;
}

type Publisher = FramePublisher<FrameFormat>;
type Subscriber = FrameSubscriber<FrameFormat>;

/** One end: frames leave by `out`, come by `in`. */
export interface Link {
  readonly out: Publisher;
  readonly in: Subscriber;
}

/** Channels in GPU memory, each read in place behind its fences. */
export function openFenceLinks(given: TripGiven, stream: Stream): Promise<readonly Link[]> {
  const { directory, end, device } = given;
  const other = end === 'ping' ? 'pong' : 'ping';
  return Promise.all(
    Array.from({ length: CHANNELS }, async (_, index): Promise<Link> => {
      const out = await openPublisher(`bench/fence-${end}-${index}`, {
        format: tensor('u8', [FRAME_BYTES]),
        memory: `cuda:${device}`,
        slots: SLOTS,
        stream,
        directory,
      });
      const comes = await openSubscriber(`bench/fence-${other}-${index}`, {
        format: tensors(),
        delivery: 'every',
        maxLag: TRIPS_A_CHANNEL,
        maxHeld: TRIPS_A_CHANNEL,
        stream,
        directory,
      });
      return { out: out as unknown as Publisher, in: comes as unknown as Subscriber };
    }),
  );
}

/** Channels in host memory: written by the copy engine of one side, copied to the GPU of the other. */
export async function openCopyLink(given: TripGiven, stream: Stream): Promise<Link> {
  const { directory, end, device, width } = given;
  const other = end === 'ping' ? 'pong' : 'ping';
  const height = (width / 16) * 9;
  const out = await openPublisher(`bench/copy-${end}`, {
    format: video({ width, height, pixelFormat: 'nv12' }),
    device,
    slots: COPY_SLOTS,
    stream,
    directory,
  });
  const comes = await openSubscriber(`bench/copy-${other}`, {
    format: video({ pixelFormat: 'nv12' }),
    delivery: 'every',
    maxLag: 1,
    maxHeld: 1,
    copyTo: `cuda:${device}`,
    stream,
    directory,
  });
  return { out: out as unknown as Publisher, in: comes as unknown as Subscriber };
}

/** Publishes a frame that the copy engine fetches from `pointer`; false when no slot is free yet. */
export function sendCopy(out: Publisher, stream: Stream, pointer: bigint): boolean {
  const loan = out.tryLoan();
  if (loan === undefined) return false;
  useDevice(stream.device);
  const to = Number(addressOf(loan.bytes));
  copyToHost(streamHandle(stream), to, Number(pointer), loan.byteLength);
  loan.publish({ stream });
  return true;
}
