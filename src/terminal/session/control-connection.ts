import { printable, SluiceError } from '../../core/index.js';
import { CONTROL, type ControlFrame, controlJson } from './control-frame.js';
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
  #requests = 0;

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
    if (this.#requests === MAX_REQUESTS) {
      throw new SluiceError('PROTOCOL', `more than ${MAX_REQUESTS} requests at once`);
    }
    this.#requests += 1;
    const answer: Answer = {
      signal: this.#abort.signal,
      data: async (bytes) => {
        this.#socket.sendBytes(CONTROL.data, request, bytes);
        await this.#socket.room();
      },
      event: (event) => this.#socket.sendJson(CONTROL.event, request, event),
      viewer: (viewer) => void this.#viewers.set(request, viewer),
    };
    void answerRequest(this.#host, fields, answer)
      .then((reply) => this.#socket.sendJson(CONTROL.reply, request, reply))
      // Also for a reply that is too long to be sent.
      .catch((error: unknown) => {
        this.#socket.sendJson(CONTROL.error, request, described(error));
      })
      .finally(() => {
        this.#requests -= 1;
        this.#viewers.get(request)?.close();
        this.#viewers.delete(request);
      });
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
