/**
 * The bodies of handshake frames: their shapes and bounds. `handshake-parse.ts` validates what a peer sent.
 * `manifest` and the parts of `stats` stay unknown JSON objects here; whoever uses them validates them.
 */
import type { FrameType } from './handshake-frame.js';

export const MAX_LEASES = 16;
export const MAX_LABEL_LENGTH = 128;

/** The largest `maxLag`, in units of the channel: far above any ring, far below a 32-bit distance. */
export const MAX_LAG = 2 ** 30;

/** The largest data memory that one epoch may have: 64 TiB, half of what addresses of 47 bits reach. */
export const MAX_DATA_BYTES = 2 ** 46;

/** How a GPU is named between processes: its index is another one in each of them. */
export const GPU_UUID = /^GPU-[0-9a-f-]{36}$/;

/** A JSON object that is not looked into here; what came from a peer is validated where it is used. */
export type JsonObject = object;

/** Where a subscriber begins: at the newest unit, at the oldest one kept, or at a sequence. */
export type StartPosition = 'newest' | 'oldest' | number;

/** Client → server, first frame. An observer needs `protocol`, `role` and `label` only. */
export interface Hello {
  readonly protocol: number;
  readonly role: 'subscriber' | 'observer';
  readonly delivery: 'latest' | 'every';
  /** Units the client may lag behind before it gets a gap; only `every`. */
  readonly maxLag: number;
  /** Lease words wanted, 0 to 16. */
  readonly leases: number;
  readonly start: StartPosition;
  /** This client reads the sequences ≡ index (mod count). */
  readonly share?: readonly [index: number, count: number];
  /** Of packets only those that begin anew: the publisher may leave the others out if all its subscribers say so. */
  readonly keyFramesOnly?: boolean;
  /** UUID of the GPU that reads: the client wants data memory of a GPU as it is, and its fence mirrors written. */
  readonly device?: string;
  /** The client wants the host copy of a channel whose data memory is that of a GPU. */
  readonly copy?: 'host';
  readonly label: string;
  readonly bootId: string;
  /** CLOCK_MONOTONIC of the client: time namespaces shift it. */
  readonly monotonicNs: number;
}

/** What `WELCOME` and `EPOCH` say of the data memory beside their descriptors. */
export interface DataTerms {
  /** Exact size of a GPU's data memory as it was allocated: rounded up, the import needs it. Absent: host memory. */
  readonly dataBytes?: number;
  /**
   * The first sequence whose fence mirror is written into this reader's page; always there beside `dataBytes`. Absent:
   * no mirror ever is, and only a CPU that looks at the slot's fence learns that the data is there.
   */
  readonly mirroredFrom?: number;
  /** The data descriptor is the sealed host copy of a channel whose own data memory is that of a GPU. */
  readonly copied?: 'host';
}

/** Server → subscriber, with descriptors [control, page] (messages) or [control, data, page] (frames). */
export interface Welcome extends DataTerms {
  readonly manifest: JsonObject;
  /** The number of this subscriber at this publisher. */
  readonly subscriber: number;
  /** Lease words granted. */
  readonly leases: number;
  readonly maxLag: number;
  /** Position of the first unit that this reader has not seen. */
  readonly sequence: number;
  readonly controlBytes: number;
  /** What the client adds to its clock to get the server's. */
  readonly clockOffsetNs: number;
}

/** Server → observer, without descriptors. */
export interface ObserverWelcome {
  readonly manifest: JsonObject;
  readonly stats: Stats;
}

/** Server → subscriber, with descriptors as in `WELCOME`: a new format in new memory. */
export interface Epoch extends DataTerms {
  readonly manifest: JsonObject;
  readonly sequence: number;
  readonly controlBytes: number;
}

/** Client → server: the descriptors of this epoch were taken. */
export interface Ack {
  readonly epoch: number;
}

/** Either direction: the sender is about to end the connection. Foreign text. */
export interface Bye {
  readonly reason: string;
}

/** Server → client before it drops the connection. Foreign text; see `errorOfBody`. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Stats {
  readonly publisher: JsonObject;
  readonly subscribers: readonly JsonObject[];
  /** Subscribers left out because the frame was full. */
  readonly omitted?: number;
}

/** What a server may receive. */
export type ClientFrame =
  | { readonly type: typeof FrameType.HELLO; readonly body: Hello }
  | { readonly type: typeof FrameType.ACK; readonly body: Ack }
  | { readonly type: typeof FrameType.WAKE; readonly body: null }
  | { readonly type: typeof FrameType.BYE; readonly body: Bye }
  | { readonly type: typeof FrameType.STATS; readonly body: null };

/** What a client may receive. */
export type ServerFrame =
  | { readonly type: typeof FrameType.WELCOME; readonly body: Welcome | ObserverWelcome }
  | { readonly type: typeof FrameType.EPOCH; readonly body: Epoch }
  | { readonly type: typeof FrameType.WAKE; readonly body: null }
  | { readonly type: typeof FrameType.BYE; readonly body: Bye }
  | { readonly type: typeof FrameType.ERROR; readonly body: ErrorBody }
  | { readonly type: typeof FrameType.STATS; readonly body: Stats };

/** A validated frame; `type` tells the shape of `body`. */
export type Frame = ClientFrame | ServerFrame;

/** Whether a `WELCOME` answers an observer. */
export function isObserverWelcome(body: Welcome | ObserverWelcome): body is ObserverWelcome {
  return 'stats' in body;
}
