/** What the three readers of the demo share: a subscriber whose every frame is checked against its checksum. */
import { openSubscriber, type Frame, type FrameSubscriber } from '../bus/index.js';
import { frameByteLength, type VideoFormat } from '../format/index.js';
import type { ActorReport, Role } from './actor.js';
import { CAMERA_CHANNEL, CAMERA_FPS, cameraFormat } from './channels.js';
import { isWhole } from './frame-checksum.js';

const pictureBytes = frameByteLength(cameraFormat);

/** A machine that does much else keeps a reader from its turn for up to a second; nothing is lost by that. */
const PATIENT_LAG = CAMERA_FPS;
export class Watcher {
  #torn = 0;
  /** Frames that it was too late for. What a GPU was still writing when the camera was killed is none of them. */
  #lost = 0;
  #live = true;

  private constructor(
    readonly role: Role,
    readonly subscriber: FrameSubscriber<VideoFormat>,
  ) {
    void this.#followStatus();
  }

  /** Waits for the camera. */
  static async open(
    role: Role,
    delivery: 'latest' | 'every',
    signal: AbortSignal,
  ): Promise<Watcher> {
    const subscriber = await openSubscriber(CAMERA_CHANNEL, {
      format: cameraFormat,
      delivery,
      // One that is being looked at, one that the recorder keeps, and the next.
      ...(delivery === 'every' ? { maxLag: PATIENT_LAG } : { maxHeld: 3 }),
      // The pictures are looked at by the processor. In host memory already, they are read in place.
      copyTo: 'host',
      label: `demo ${role}`,
      signal,
    });
    return new Watcher(role, subscriber);
  }

  /** Counts a frame that is not the one that was published, byte for byte. */
  check(frame: Frame<VideoFormat>): void {
    if (!isWhole(frame.bytes.subarray(0, pictureBytes), frame.userData)) this.#torn += 1;
  }

  report(note: string): ActorReport {
    const stats = this.subscriber.stats();
    return {
      role: this.role,
      state: this.#live ? 'live' : 'waiting',
      frames: stats.received,
      bytesInPlace: stats.bytesInPlace,
      bytesCopied: stats.bytesCopied,
      skipped: stats.skipped,
      lost: this.#lost,
      torn: this.#torn,
      reconnects: stats.reconnects,
      p50Us: stats.latencyUs.p50,
      p99Us: stats.latencyUs.p99,
      note,
    };
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.subscriber.status()) {
      if (status.type === 'lost') this.#live = false;
      if (status.type === 'connected') this.#live = true;
      if (status.type === 'gap' && status.cause === 'behind') {
        this.#lost += status.to - status.from + 1;
      }
    }
  }
}

/** The report of a reader that has not found the camera yet. */
export function waitingReport(role: Role): ActorReport {
  return {
    role,
    state: 'waiting',
    frames: 0,
    bytesInPlace: 0,
    bytesCopied: 0,
    skipped: 0,
    lost: 0,
    torn: 0,
    reconnects: 0,
    p50Us: 0,
    p99Us: 0,
    note: 'waits for the camera',
  };
}
