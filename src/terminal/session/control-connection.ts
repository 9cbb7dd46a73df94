import { printable, SluiceError } from '../../core/index.js';
import { CONTROL, type ControlFrame, controlJson, type ControlType } from './control-frame.js';
import { type Answer, answerRequest } from './control-requests.js';
import { ControlSocket } from './control-socket.js';
import type { SessionHost } from './session-host.js';
import type { AgentInfo } from './session-pane.js';
import type { ViewerLink } from './viewer-link.js';

/** Requests of one connection that are under way. */
const MAX_REQUESTS = 64;

/** One client of a session: a command that asks once, or a viewer that stays. */
export class ControlConnection {
  readonly #socket: ControlSocket;
  readonly #host: SessionHost;
  readonly #onEnd: () => void;
  readonly #abort = new AbortController();
  readonly #viewers = new Map<number, ViewerLink>();
  /** Requests that are under way. */
  readonly #requests = new Map<number, Promise<void>>();
  #replied: Promise<void> = Promise.resolve();

  constructor(fd: number, host: SessionHost, onEnd: () => void) {
    this.#host = host;
    this.#onEnd = onEnd;
    this.#socket = new ControlSocket(fd, {
      onFrame: (frame) => this.#onFrame(frame),
      onEnd: () => this.#ended(),
    });
  }

  announce(info: AgentInfo): void {
    for (const viewer of this.#viewers.values()) viewer.announce(info);
  }

  /** Resolves when its viewers have left with what they wanted to take along, or the connection has ended. */
  async left(): Promise<void> {
    await Promise.all([...this.#viewers.keys()].map((request) => this.#requests.get(request)));
    await this.#socket.flushed();
  }

  close(): void {
    this.#socket.close();
  }

  #ended(): void {
    this.#abort.abort();
    for (const viewer of this.#viewers.values()) viewer.close();
    this.#viewers.clear();
    this.#onEnd();
  }

  #onFrame({ type, request, body }: ControlFrame): void {
    try {
      if (type === CONTROL.input) this.#viewers.get(request)?.input(body);
      else if (type === CONTROL.event) this.#viewers.get(request)?.event(controlJson(body));
      else if (type === CONTROL.request) this.#begin(request, controlJson(body));
      else throw new SluiceError('PROTOCOL', 'a client of a session asks, and does not answer');
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#socket.sendJson(CONTROL.error, request, described(error));
      this.#socket.close(error);
    }
  }

  #begin(request: number, fields: Readonly<Record<string, unknown>>): void {
    if (this.#requests.size === MAX_REQUESTS || this.#requests.has(request)) {
      const what = `request ${request}, with ${this.#requests.size} under way`;
      throw new SluiceError('PROTOCOL', `${what}: at most ${MAX_REQUESTS}, each of its own number`);
    }
    const answer: Answer = {
      signal: this.#abort.signal,
      data: async (bytes) => {
        this.#socket.sendBytes(CONTROL.data, request, bytes);
        await this.#socket.room();
      },
      event: (event) => this.#socket.sendJson(CONTROL.event, request, event),
      viewer: (viewer) => void this.#viewers.set(request, viewer),
    };
    const answered = answerRequest(this.#host, fields, answer)
      .then((reply) => this.#send(CONTROL.reply, request, reply))
      // Also for a reply that is too long to be sent.
      .catch((error: unknown) => this.#send(CONTROL.error, request, described(error)))
      .finally(() => {
        this.#requests.delete(request);
        this.#viewers.get(request)?.close();
        this.#viewers.delete(request);
      });
    this.#requests.set(request, answered);
  }

  /** One after the other, each when the client has taken the one before: a few of the longest are more than may wait. */
  #send(type: ControlType, request: number, reply: object): Promise<void> {
    const sent = this.#replied.then(async () => {
      await this.#socket.room();
      this.#socket.sendJson(type, request, reply);
    });
    this.#replied = sent.catch(() => undefined);
    return sent;
  }
}

function described(error: unknown): object {
  if (error instanceof SluiceError) {
    const { code, message, remedy, details } = error;
    return { code, message, remedy, details };
  }
  const message = printable(error instanceof Error ? error.message : String(error), 2000);
  const isMistake = error instanceof TypeError || error instanceof RangeError;
  return { code: isMistake ? 'USAGE' : 'SYSTEM', message };
}
