import { SluiceError } from '../../core/index.js';
import { listen, type Listener, type RuntimeDirectory } from '../../bus/index.js';
import { closeDescriptor, peerCredentials } from '../../ffi/index.js';
import { ControlConnection } from './control-connection.js';
import type { SessionHost } from './session-host.js';
import type { AgentInfo } from './session-pane.js';
import { within } from './within.js';

const MAX_CONNECTIONS = 128;
/** A viewer that takes nothing is not waited for longer. */
const LEAVE_PATIENCE_MS = 2000;

/** The socket of a session: takes connections of the same user, and of nobody else. */
export class ControlServer {
  readonly #listener: Listener;
  readonly #host: SessionHost;
  readonly #connections = new Set<ControlConnection>();
  #wasUsed = false;

  constructor(directory: RuntimeDirectory, name: string, host: SessionHost) {
    this.#host = host;
    this.#listener = listen(directory.socketPath(name), { mode: 0o600 }, (fd) => this.#accept(fd));
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Whether there ever was a connection. */
  get wasUsed(): boolean {
    return this.#wasUsed;
  }

  /** Tells viewers that an agent waits. */
  announce(info: AgentInfo): void {
    for (const connection of this.#connections) connection.announce(info);
  }

  /** Takes no connection any more: who comes now finds no session, and can start one when this host has ended. */
  refuse(): void {
    this.#listener.close();
  }

  /** What was answered is on its way first. Idempotent. */
  async close(): Promise<void> {
    this.refuse();
    // Replies of requests that waited for this end.
    await new Promise((resolve) => setImmediate(resolve));
    const left = Promise.all([...this.#connections].map((connection) => connection.left()));
    await within(LEAVE_PATIENCE_MS, left);
    for (const connection of [...this.#connections]) connection.close();
  }

  #accept(fd: number): void {
    const isOwn = peerCredentials(fd).uid === process.geteuid?.();
    if (!isOwn || this.#connections.size >= MAX_CONNECTIONS) return closeDescriptor(fd);
    this.#wasUsed = true;
    let connection: ControlConnection;
    try {
      connection = new ControlConnection(fd, this.#host, () => {
        this.#connections.delete(connection);
        this.#host.connectionsChanged(this.#connections.size);
      });
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return closeDescriptor(fd);
    }
    this.#connections.add(connection);
    this.#host.connectionsChanged(this.#connections.size);
    return undefined;
  }
}
