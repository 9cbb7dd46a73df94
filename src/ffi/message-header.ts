/**
 * The arguments of sendmsg(2) and recvmsg(2) in one buffer that is built once and used again: a header, one segment
 * of data and room for a few descriptors. 64-bit Linux, x86-64 and arm64, glibc and musl; little-endian.
 *
 * struct msghdr, recvmsg(2)                       struct iovec, readv(2)
 *  0  u64 msg_name        not used, 0             56  u64 iov_base      the data
 *  8  u32 msg_namelen     not used, 0             64  u64 iov_len       its bytes
 * 16  u64 msg_iov         address of byte 56
 * 24  u64 msg_iovlen      1                       struct cmsghdr, cmsg(3), unix(7) "SCM_RIGHTS"
 * 32  u64 msg_control     address of byte 72      72  u64 cmsg_len      16 + 4 * descriptors, without padding
 * 40  u64 msg_controllen  in: room, out: used     80  i32 cmsg_level    SOL_SOCKET
 * 48  i32 msg_flags       out                     84  i32 cmsg_type     SCM_RIGHTS
 *                                                 88  i32 descriptor, 92, 96, (100: one too many fits)
 *
 * (musl splits the two u64 lengths into an int and its zero padding, which is the same on a little-endian machine.)
 */
import { addressOf } from './koffi.js';

export const MESSAGE_LAYOUT = Object.freeze({
  headerBytes: 56,
  iov: 16,
  iovLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  segmentBytes: 16,
  controlHeaderBytes: 16,
  controlLevel: 8,
  controlType: 12,
});

/** socket.h and unix(7), Linux. */
export const SCM = Object.freeze({ SOL_SOCKET: 1, SCM_RIGHTS: 1, MSG_CTRUNC: 0x8 });

/** The most descriptors one message carries: control block, data, reader page. */
export const MAX_DESCRIPTORS = 3;

const SEGMENT = MESSAGE_LAYOUT.headerBytes;
const CONTROL = SEGMENT + MESSAGE_LAYOUT.segmentBytes;
const CONTROL_DATA = CONTROL + MESSAGE_LAYOUT.controlHeaderBytes;

/** CMSG_SPACE(3 descriptors): padded to 8 bytes, so a fourth would fit and must be looked for. */
const CONTROL_BYTES = MESSAGE_LAYOUT.controlHeaderBytes + 16;

const CONTROL_LENGTH_WORD = MESSAGE_LAYOUT.controlLength / 4;
const FLAGS_WORD = MESSAGE_LAYOUT.flags / 4;

/** What the kernel left in the control buffer. */
export interface ReceivedControl {
  /** Every descriptor that this process now owns. */
  readonly descriptors: number[];
  /** Why the message must be refused, or undefined. */
  readonly problem: string | undefined;
}

/** One reusable msghdr. Not shared between threads (each loads its own module). */
export class MessageHeader {
  readonly bytes = Buffer.alloc(CONTROL + CONTROL_BYTES);
  readonly #words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, CONTROL / 4);
  /** Receivers call again and again with one buffer: its address is asked for once. */
  readonly #addresses = new WeakMap<Uint8Array, bigint>();
  /** All of it is what the segment says now. */
  #segment: Uint8Array | undefined;

  constructor() {
    const address = addressOf(this.bytes);
    this.bytes.writeBigUInt64LE(address + BigInt(SEGMENT), MESSAGE_LAYOUT.iov);
    this.bytes.writeBigUInt64LE(1n, MESSAGE_LAYOUT.iovLength);
    this.bytes.writeBigUInt64LE(address + BigInt(CONTROL), MESSAGE_LAYOUT.control);
  }

  /** Points the header at `length` bytes of `data` from `offset` and at `descriptors` to pass. */
  prepareToSend(
    data: Uint8Array,
    offset: number,
    length: number,
    descriptors: readonly number[],
  ): void {
    const usedBytes = MESSAGE_LAYOUT.controlHeaderBytes + 4 * descriptors.length;
    this.#segment = undefined;
    this.#setSegment(data, offset, length);
    this.#setUint64(MESSAGE_LAYOUT.controlLength, usedBytes + (usedBytes % 8));
    this.#setUint64(CONTROL, usedBytes);
    this.bytes.writeInt32LE(SCM.SOL_SOCKET, CONTROL + MESSAGE_LAYOUT.controlLevel);
    this.bytes.writeInt32LE(SCM.SCM_RIGHTS, CONTROL + MESSAGE_LAYOUT.controlType);
    this.bytes.fill(0, CONTROL_DATA);
    for (let index = 0; index < descriptors.length; index += 1) {
      this.bytes.writeInt32LE(descriptors[index]!, CONTROL_DATA + 4 * index);
    }
  }

  /**
   * Points the header at all of `into`, with room for descriptors. The control length and the flags are set each time,
   * since recvmsg changes them: as words, because this is on the way of every WAKE.
   */
  prepareToReceive(into: Uint8Array): void {
    if (this.#segment !== into) {
      this.#setSegment(into, 0, into.byteLength);
      this.#segment = into;
    }
    this.#words[CONTROL_LENGTH_WORD] = CONTROL_BYTES;
    this.#words[CONTROL_LENGTH_WORD + 1] = 0;
    this.#words[FLAGS_WORD] = 0;
  }

  /** Whether the last recvmsg brought control data, or would have. */
  get hasControl(): boolean {
    const words = this.#words;
    return words[CONTROL_LENGTH_WORD] !== 0 || ((words[FLAGS_WORD] ?? 0) & SCM.MSG_CTRUNC) !== 0;
  }

  /**
   * Reads the control messages by their own lengths (cmsg_len), never by what the sender should have sent: whatever
   * the kernel installed must be found, else it leaks.
   */
  readControl(): ReceivedControl {
    const descriptors: number[] = [];
    const truncated = (this.bytes.readInt32LE(MESSAGE_LAYOUT.flags) & SCM.MSG_CTRUNC) !== 0;
    let problem = truncated ? 'its control data was cut off (MSG_CTRUNC)' : undefined;
    const end =
      CONTROL + Math.min(this.bytes.readUInt32LE(MESSAGE_LAYOUT.controlLength), CONTROL_BYTES);
    let at = CONTROL;
    while (at + MESSAGE_LAYOUT.controlHeaderBytes <= end) {
      const messageBytes = this.bytes.readUInt32LE(at);
      if (messageBytes < MESSAGE_LAYOUT.controlHeaderBytes || at + messageBytes > end) {
        problem ??= 'its control data is malformed';
        break;
      }
      const level = this.bytes.readInt32LE(at + MESSAGE_LAYOUT.controlLevel);
      const type = this.bytes.readInt32LE(at + MESSAGE_LAYOUT.controlType);
      if (level === SCM.SOL_SOCKET && type === SCM.SCM_RIGHTS) {
        const dataEnd = at + messageBytes;
        for (let word = at + MESSAGE_LAYOUT.controlHeaderBytes; word + 4 <= dataEnd; word += 4) {
          descriptors.push(this.bytes.readInt32LE(word));
        }
      } else {
        problem ??= `it carries control data of level ${level} type ${type}`;
      }
      at += messageBytes + ((8 - (messageBytes % 8)) % 8);
    }
    if (descriptors.length > MAX_DESCRIPTORS) {
      problem ??= `it carries ${descriptors.length} descriptors, and at most ${MAX_DESCRIPTORS} are expected`;
    }
    return { descriptors, problem };
  }

  #setSegment(data: Uint8Array, offset: number, length: number): void {
    let address = this.#addresses.get(data);
    if (address === undefined) {
      address = addressOf(data);
      this.#addresses.set(data, address);
    }
    this.bytes.writeBigUInt64LE(offset === 0 ? address : address + BigInt(offset), SEGMENT);
    this.#setUint64(SEGMENT + 8, length);
  }

  /** All lengths here are far below 2^32. */
  #setUint64(offset: number, value: number): void {
    this.bytes.writeUInt32LE(value, offset);
    this.bytes.writeUInt32LE(0, offset + 4);
  }
}
