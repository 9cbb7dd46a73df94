import { SluiceError } from '../../core/index.js';
import type { PeerCredentials } from '../../ffi/index.js';
import { FrameType, type Epoch, type Hello, type Welcome } from '../../layout/handshake.js';
import type { Connection } from './connection.js';
import { closeAll, duplicateAll } from './outgoing-queue.js';

/** One welcomed subscriber, as its publisher sees it. */
export interface ServerSession {
  /** Unique for the life of the server, from 1: the `subscriber` of its WELCOME. */
  readonly id: number;
  readonly hello: Hello;
  readonly credentials: PeerCredentials;
  /** The epoch whose descriptors the subscriber has taken last; undefined before its first ACK. */
  readonly acknowledgedEpoch: number | undefined;
  readonly ended: boolean;
  /** A descriptor of the peer's process, for the caller to close; undefined where the kernel has none. */
  duplicatePidfd(): number | undefined;
  /** Rings the subscriber; see `Connection.wake`. */
  wake(): void;
  /**
   * Sends a new epoch with its descriptors, which stay the caller's. While a descriptor message is not acknowledged
   * it is held back (a silent peer must not collect descriptors in flight), and only the newest is kept.
   */
  sendEpoch(body: Epoch, descriptors: readonly number[]): void;
  /** Asks the subscriber to leave. The connection goes on: it still holds leases. */
  bye(reason: string): void;
  /** Ends the connection; `onEnd` is called before this returns. */
  close(): void;
}

interface PendingEpoch {
  readonly body: Epoch;
  /** Duplicates that belong to the session. */
  readonly descriptors: readonly number[];
}

/** The server's own view of a session. */
export class Session implements ServerSession {
  readonly id: number;
  readonly hello: Hello;
  readonly #connection: Connection<'server'>;
  #acknowledgedEpoch: number | undefined;
  /** The epoch of the descriptor message in flight. */
  #expectedEpoch: number | undefined;
  #pending: PendingEpoch | undefined;

  constructor(id: number, hello: Hello, connection: Connection<'server'>) {
    this.id = id;
    this.hello = hello;
    this.#connection = connection;
  }

  get credentials(): PeerCredentials {
    return this.#connection.credentials;
  }

  get acknowledgedEpoch(): number | undefined {
    return this.#acknowledgedEpoch;
  }

  get ended(): boolean {
    return this.#connection.ended;
  }

  duplicatePidfd(): number | undefined {
    return this.#connection.duplicatePidfd();
  }

  wake(): void {
    this.#connection.wake();
  }

  sendWelcome(body: Welcome, descriptors: readonly number[]): void {
    this.#expectedEpoch = epochOf(body.manifest);
    this.#connection.send(FrameType.WELCOME, body, descriptors);
  }

  sendEpoch(body: Epoch, descriptors: readonly number[]): void {
    if (this.ended) return;
    const epoch = epochOf(body.manifest);
    if (this.#expectedEpoch === undefined) {
      this.#expectedEpoch = epoch;
      this.#connection.send(FrameType.EPOCH, body, descriptors);
      return;
    }
    const duplicates = duplicateAll(descriptors);
    this.dropPending();
    this.#pending = { body, descriptors: duplicates };
  }

  bye(reason: string): void {
    this.#connection.send(FrameType.BYE, { reason });
  }

  close(): void {
    this.#connection.close();
  }

  /** Takes an ACK and sends the epoch that waited for it. Throws PROTOCOL when it acknowledges nothing sent. */
  acknowledge(epoch: number): void {
    if (epoch !== this.#expectedEpoch) {
      throw new SluiceError(
        'PROTOCOL',
        `ACK of epoch ${epoch}, expected was ${this.#expectedEpoch ?? 'none'}`,
        { details: { found: epoch, expected: this.#expectedEpoch } },
      );
    }
    this.#acknowledgedEpoch = epoch;
    this.#expectedEpoch = undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    this.sendEpoch(pending.body, pending.descriptors);
    closeAll(pending.descriptors);
  }

  /** Closes what an epoch that was never sent still holds. */
  dropPending(): void {
    closeAll(this.#pending?.descriptors ?? []);
    this.#pending = undefined;
  }
}

function epochOf(manifest: { readonly epoch?: unknown }): number {
  const epoch = manifest.epoch;
  if (typeof epoch === 'number' && Number.isInteger(epoch)) return epoch;
  throw new TypeError(`the manifest of a descriptor message needs an epoch, got ${String(epoch)}`);
}
