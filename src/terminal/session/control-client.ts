import { SluiceError, type ErrorCode, ERROR_TABLE, printable } from '../../core/index.js';
import type { RuntimeDirectory } from '../../bus/index.js';
import { closeDescriptor, connectUnix, peerCredentials, SystemCallError } from '../../ffi/index.js';
import { CONTROL, type ControlFrame, controlJson } from './control-frame.js';
import { ControlSocket } from './control-socket.js';
import { sessionChannel } from './session-paths.js';

type Fields = Readonly<Record<string, unknown>>;

interface Open {
  readonly resolve: (reply: Fields) => void;
  readonly reject: (error: unknown) => void;
  readonly onData: ((bytes: Uint8Array) => void) | undefined;
  readonly onEvent: ((event: Fields) => void) | undefined;
}

/** What a request may be told before its reply. */
export interface RequestHandlers {
  /** Valid during the call. */
  readonly onData?: (bytes: Uint8Array) => void;
  readonly onEvent?: (event: Fields) => void;
}

/** A connection to the host of a session. Whoever opened it closes it. */
export class ControlClient {
  readonly path: string;
  readonly #socket: ControlSocket;
  readonly #open = new Map<number, Open>();
  #last = 0;

  /** Throws `SESSION_NOT_FOUND` when nobody hosts the session, `ACCESS_DENIED` when somebody else does. */
  static connect(directory: RuntimeDirectory, session: string): ControlClient {
    return ControlClient.connectPath(directory.socketPath(sessionChannel(session)), session);
  }

  /** `session`: for messages. */
  static connectPath(path: string, session: string): ControlClient {
    let fd: number;
    try {
      fd = connectUnix(path);
    } catch (error) {
      throw connectFailure(path, session, error);
    }
    const { uid } = peerCredentials(fd);
    if (uid !== process.geteuid?.()) {
      closeDescriptor(fd);
      throw new SluiceError('ACCESS_DENIED', `the session ${session} is that of user ${uid}`, {
        details: { session, uid },
      });
    }
    return new ControlClient(path, fd);
  }

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#socket = new ControlSocket(fd, {
      onFrame: (frame) => this.#onFrame(frame),
      onEnd: (error) => this.#onEnd(error),
    });
  }

  /** Rejects with what the host answers, and with `CLOSED` when it is gone. */
  request(op: string, fields: Fields = {}, handlers: RequestHandlers = {}): Promise<Fields> {
    return this.start(op, fields, handlers).reply;
  }

  /** As `request`, with its number: for what is said while it runs. */
  start(
    op: string,
    fields: Fields = {},
    { onData, onEvent }: RequestHandlers = {},
  ): { readonly request: number; readonly reply: Promise<Fields> } {
    this.#last += 1;
    const request = this.#last;
    const reply = new Promise<Fields>((resolve, reject) => {
      if (this.#socket.ended) return reject(hostGone());
      this.#open.set(request, { resolve, reject, onData, onEvent });
      this.#socket.sendJson(CONTROL.request, request, { ...fields, op });
    });
    return { request, reply };
  }

  sendInput(request: number, bytes: Uint8Array): void {
    this.#socket.sendBytes(CONTROL.input, request, bytes);
  }

  sendEvent(request: number, event: Fields): void {
    this.#socket.sendJson(CONTROL.event, request, event);
  }

  close(): void {
    this.#socket.close();
  }

  #onFrame({ type, request, body }: ControlFrame): void {
    const open = this.#open.get(request);
    if (open === undefined) return;
    if (type === CONTROL.data) return open.onData?.(body);
    const value = controlJson(body);
    if (type === CONTROL.event) return open.onEvent?.(value);
    this.#open.delete(request);
    if (type === CONTROL.reply) open.resolve(value);
    else open.reject(errorOf(value));
  }

  #onEnd(error: SluiceError | undefined): void {
    for (const { reject } of this.#open.values()) reject(error ?? hostGone());
    this.#open.clear();
  }
}

function hostGone(): SluiceError {
  return new SluiceError('CLOSED', 'the host of the session has ended', {
    remedy: 'See its log: `sluice agents ls` says where it is.',
  });
}

function errorOf({ code, message, remedy, details }: Fields): Error {
  const text = printable(typeof message === 'string' ? message : 'the host failed', 2000);
  if (code === 'USAGE') return new RangeError(text);
  const known = typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code);
  return new SluiceError(known ? (code as ErrorCode) : 'SYSTEM', text, {
    ...(typeof remedy === 'string' ? { remedy } : {}),
    ...(typeof details === 'object' && details !== null ? { details: details as Fields } : {}),
  });
}

function connectFailure(path: string, session: string, error: unknown): unknown {
  if (!(error instanceof SystemCallError)) return error;
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    return new SluiceError('SESSION_NOT_FOUND', `there is no session ${session} of agents`, {
      details: { session, path },
    });
  }
  if (error.code === 'EAGAIN') {
    return new SluiceError('NO_ANSWER', `the host of the session ${session} does not answer`, {
      details: { session, path },
    });
  }
  if (error.code === 'EACCES') {
    return new SluiceError('ACCESS_DENIED', `the session ${session} is that of another user`, {
      details: { session, path },
    });
  }
  return new SluiceError('SYSTEM', error.message, { cause: error });
}
