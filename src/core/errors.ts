/**
 * One error class and one table of codes. Callers narrow on `code`, never on the message text.
 * Wrong arguments are `TypeError`/`RangeError`; a broken invariant is an `InvariantError` and is never caught;
 * everything that can happen to correct code is a {@link SluiceError}.
 */

/** What `sluice help CODE` and `docs/errors.md` say about a code. */
export interface ErrorEntry {
  /** One sentence: what happened. */
  readonly summary: string;
  /** Why it happens, in the order to check. */
  readonly causes: readonly string[];
  /** What to do; shown as the default remedy of an error with this code. */
  readonly remedy: string;
}

/** Every code a {@link SluiceError} can carry. `docs/errors.md` is generated from this table. */
export const ERROR_TABLE = Object.freeze({
  CHANNEL_IN_USE: {
    summary: 'Another live publisher owns the channel.',
    causes: [
      'A process is publishing on this name and holds its lock.',
      'A publisher was stopped (SIGSTOP, debugger): it still owns the channel.',
    ],
    remedy: "Choose another channel name, end the owner, or open with whenTaken: 'wait'.",
  },
  CHANNEL_NOT_FOUND: {
    summary: 'Nobody publishes the channel.',
    causes: [
      'The publisher has not started, or has ended.',
      'Publisher and subscriber use different runtime directories.',
    ],
    remedy:
      "Start the publisher, compare the directory line of `sluice doctor`, or open with whenMissing: 'wait'.",
  },
  SESSION_NOT_FOUND: {
    summary: 'There is no such session of agents, or no such agent in it.',
    causes: [
      'Nothing was started in it, or all of it was stopped.',
      'Its host has another runtime directory or another name (`--session`).',
      'The name of the agent is misspelt.',
    ],
    remedy:
      'See what there is with `sluice agents ls`; start one with `sluice agents new -- COMMAND`.',
  },
  NO_ANSWER: {
    summary: 'The publisher exists but does not answer.',
    causes: [
      'The publisher is stopped (SIGSTOP, debugger), or its event loop is blocked.',
      'More processes connect at once than the publisher can take.',
    ],
    remedy: 'Let the publisher go on (`kill -CONT PID`), or look for what blocks its event loop.',
  },
  ACCESS_DENIED: {
    summary: 'The peer refused this user, or this user refused the peer.',
    causes: [
      'Publisher and subscriber run as different users and neither allows the other.',
      'In a container, user ids are not mapped as expected (an unmapped id reads as 65534).',
    ],
    remedy: 'Run both as the same user, or pass allow: { uids: [...] } on both sides.',
  },
  FORMAT_MISMATCH: {
    summary: 'The channel carries another format than the one asked for.',
    causes: [
      'The subscriber asked for another kind, size, type or pixel format.',
      'The publisher changed its format.',
    ],
    remedy: 'Compare the format with `sluice info CHANNEL`; leave out the fields that may vary.',
  },
  FRAME_LOST: {
    summary: 'The publisher ended before the data of this frame was complete.',
    causes: ['The publisher was killed between announcing the frame and writing its fence.'],
    remedy: 'Skip the frame; the subscriber goes on with the next publisher.',
  },
  CLOSED: {
    summary: 'The publisher, subscriber, loan or frame was used after its end.',
    causes: [
      'It was closed or released before this call.',
      'The channel ended and reconnecting was not wanted.',
    ],
    remedy: 'Use it before it is closed; `closed` tells why it ended.',
  },
  NO_SPACE: {
    summary: 'There is not enough memory for the slots of the channel.',
    causes: [
      'slots × slot size is more than the machine, or the control group, has left.',
      'A size in the format is far larger than meant.',
    ],
    remedy: 'Use fewer slots or a smaller format, or raise the memory limit.',
  },
  TOO_MANY_FILES: {
    summary: 'The process has no file descriptor left.',
    causes: ['RLIMIT_NOFILE is low.', 'Descriptors are leaked elsewhere in the process.'],
    remedy: 'Raise the limit (`ulimit -n 65536`) or close what is not needed.',
  },
  TOO_MANY_SUBSCRIBERS: {
    summary: 'The channel has as many subscribers as it accepts.',
    causes: ['More processes subscribe than maxSubscribers (64 by default).'],
    remedy:
      'Open the publisher with a larger maxSubscribers, or close subscribers that are not needed.',
  },
  LEASES_EXHAUSTED: {
    summary: 'The channel has too few slots to promise this subscriber its frames.',
    causes: [
      'The sum of all granted leases, plus the largest maxLag, plus 1 must not exceed the slots.',
    ],
    remedy: 'Open the publisher with more slots, or subscribe with a smaller maxHeld or maxLag.',
  },
  MESSAGE_TOO_LARGE: {
    summary: 'The message does not fit into the ring of the channel.',
    causes: ['One message may use at most a quarter of the ring.'],
    remedy: 'Open the publisher with a larger ring, or send large data as frames.',
  },
  INVALID_MESSAGE: {
    summary: 'A message does not match the schema or encoding of the channel.',
    causes: [
      'The schema given to json() refused the value.',
      'The bytes are not valid JSON or UTF-8.',
    ],
    remedy: 'Compare the value with the issues in `details`.',
  },
  PROTOCOL: {
    summary: 'The peer broke the protocol; the connection was dropped.',
    causes: ['The peer speaks another protocol version.', 'The peer is faulty or hostile.'],
    remedy: 'Run the same version of Sluice on both sides; `sluice doctor` names versions.',
  },
  BAD_DIRECTORY: {
    summary: 'The runtime directory cannot be trusted or used.',
    causes: [
      'It belongs to another user, is open to others, is a symbolic link, or is not a directory.',
    ],
    remedy: 'Set SLUICE_DIR to a directory of your own with mode 0700.',
  },
  CUDA_UNAVAILABLE: {
    summary: 'CUDA cannot be used in this process.',
    causes: [
      'The machine has no NVIDIA GPU, or no driver is installed.',
      'In a container, the GPU was not passed in (NVIDIA_VISIBLE_DEVICES, --gpus).',
      'CUDA_VISIBLE_DEVICES hides every device.',
    ],
    remedy:
      "Install the NVIDIA driver or pass the GPU in; without one subscribe with copyTo: 'host'. `sluice doctor` says what it found.",
  },
  CUDA_ERROR: {
    summary: 'A call of the CUDA driver failed.',
    causes: [
      'A kernel read or wrote outside its memory, or wrote into a received frame, which is read-only.',
      'The driver is too old for what was asked.',
    ],
    remedy:
      'See `details.call` and `details.name`. After CUDA_ERROR_ILLEGAL_ADDRESS the process cannot use the GPU any more: restart it.',
  },
  WRONG_DEVICE: {
    summary: 'The GPU that was asked for does not exist here or cannot reach the memory.',
    causes: [
      'Publisher and subscriber use different GPUs without peer access between them.',
      'CUDA_VISIBLE_DEVICES hides the GPU, or numbers it differently.',
    ],
    remedy:
      "Use the publisher's GPU (`sluice info CHANNEL` names it), or subscribe with copyTo: 'host' or copyTo: 'cuda:N'.",
  },
  DEVICE_MEMORY: {
    summary: 'The bytes of the frame are in GPU memory, where the processor cannot read them.',
    causes: ['`bytes` or `data` was asked of a frame of a CUDA channel.'],
    remedy:
      "Use `pointer` with a CUDA library, copy with `await frame.toHost()`, or subscribe with copyTo: 'host'.",
  },
  CAMERA_UNREACHABLE: {
    summary: 'The input of a camera cannot be opened, or has ended.',
    causes: [
      'The file or device does not exist, or may not be read.',
      'The camera is off, its address or port is wrong, or the network does not reach it.',
      'The path after the address is wrong.',
    ],
    remedy: 'Try the input with `ffprobe INPUT`; the message says what ffmpeg found.',
  },
  CAMERA_DENIED: {
    summary: 'The camera refused the name and password, or the lack of them.',
    causes: ['Name or password are wrong, or absent.', 'The camera allows too few viewers.'],
    remedy:
      'Check rtsp://NAME:PASSWORD@…; characters such as @ : / in them are written as %40 %3A %2F.',
  },
  CONFIG_INVALID: {
    summary: 'The file that says what is to run cannot be used.',
    causes: [
      'A key or a value in it is not what is wanted; the message has line and column.',
      'It names a variable that the environment does not have.',
      'It is not there, or this user may not read it.',
    ],
    remedy: 'Mend the file and try it with `sluice up FILE --check`.',
  },
  CAMERA_FORMAT: {
    summary: 'What the camera sends cannot be used.',
    causes: [
      'There is no picture in it, or it is damaged.',
      'ffmpeg, or this GPU, has no decoder for its codec.',
    ],
    remedy: 'Look at the input with `ffprobe INPUT`; set the camera to H.264 or H.265.',
  },
  NOT_A_TERMINAL: {
    summary: 'There is no terminal to show anything on.',
    causes: [
      'Standard input and output are pipes or files, as in a script or a service.',
      'The connection has no terminal, as with `ssh host command`.',
    ],
    remedy: 'Run it in a terminal; over SSH add `-t`.',
  },
  UNSUPPORTED: {
    summary: 'This machine or runtime lacks something that is needed.',
    causes: [
      'The system is not Linux, the kernel is older than 5.1, or foreign calls are forbidden.',
    ],
    remedy: 'Run `sluice doctor`: it names what is missing.',
  },
  SYSTEM: {
    summary: 'A system call failed in a way that is not foreseen.',
    causes: ['See `details.errno` and `details.call`.'],
    remedy: 'Run `sluice doctor`, and report the message if the cause is not plain.',
  },
} satisfies Record<string, ErrorEntry>);

/** The stable name of a condition: a key of {@link ERROR_TABLE}. */
export type ErrorCode = keyof typeof ERROR_TABLE;

/** What a {@link SluiceError} carries beside its code and message. */
export interface SluiceErrorOptions {
  /** The facts, plain data: what was found and what was needed. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** What to do, when it is more exact than the table's. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** A foreseeable condition, named by a stable `code`. */
export class SluiceError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly details: Readonly<Record<string, unknown>>;
  readonly remedy: string;

  /** `message` names the attempt, what was found and what was needed; the remedy stands apart. */
  constructor(code: C, message: string, options: SluiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.details = Object.freeze({ ...options.details });
    this.remedy = options.remedy ?? ERROR_TABLE[code].remedy;
  }
}

/** Narrows an unknown value to a {@link SluiceError}, of one code when given. */
export function isSluiceError<C extends ErrorCode>(
  error: unknown,
  code?: C,
): error is SluiceError<C> {
  return error instanceof SluiceError && (code === undefined || error.code === code);
}

/** A bug in Sluice itself. Never caught: the process must not go on with broken memory. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** States what must hold here; throws {@link InvariantError} when it does not. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(`invariant broken: ${what}`);
}
