/** The subscriber's side of the handshake, spoken by hand, by somebody who need not keep to it. */
import { readFileSync } from 'node:fs';
import {
  closeDescriptor,
  connectUnix,
  mapShared,
  monotonicNs,
  receiveBytes,
  sendBytes,
  SystemCallError,
  type Mapping,
} from '../../src/ffi/index.js';
import { encodeFrame, FrameReader, FrameType, type Hello } from '../../src/layout/handshake.js';

export function helloOf(changes: Partial<Hello> = {}): Hello {
  return {
    protocol: 1,
    role: 'subscriber',
    delivery: 'every',
    maxLag: 4,
    leases: 2,
    start: 'newest',
    label: 'hostile',
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    monotonicNs: monotonicNs(),
    ...changes,
  };
}

export interface Welcomed {
  readonly page: Mapping;
  readonly words: Int32Array;
  readonly epoch: number;
}

export class RawClient {
  readonly fd: number;
  readonly #reader = new FrameReader();

  constructor(path: string) {
    this.fd = connectUnix(path);
  }

  /** Sends what the socket takes. False when the other side has gone. */
  send(bytes: Uint8Array): boolean {
    try {
      sendBytes(this.fd, bytes, 0, bytes.length);
      return true;
    } catch (error) {
      if (error instanceof SystemCallError) return false;
      throw error;
    }
  }

  /** Says HELLO and waits for WELCOME; the reader page is mapped, the rest thrown away. */
  async greet(hello: Hello): Promise<Welcomed | undefined> {
    this.send(encodeFrame(FrameType.HELLO, hello));
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const { byteLength, descriptors } = receiveBytes(this.fd, buffer);
      if (byteLength === 0) return undefined;
      let body: { manifest?: { epoch?: number } } | undefined;
      if (byteLength > 0) {
        this.#reader.push(buffer, 0, byteLength, (type, bytes) => {
          if (type === FrameType.WELCOME)
            body = JSON.parse(Buffer.from(bytes).toString()) as { manifest?: { epoch?: number } };
          return true;
        });
      }
      const pageFd = descriptors.at(-1);
      const page = pageFd === undefined ? undefined : mapShared(pageFd, 4096, 'read-write');
      for (const descriptor of descriptors) closeDescriptor(descriptor);
      if (page !== undefined && body !== undefined) {
        const words = new Int32Array(page.view(0, 4096));
        return { page, words, epoch: body.manifest?.epoch ?? 1 };
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  acknowledge(epoch: number): void {
    this.send(encodeFrame(FrameType.ACK, { epoch }));
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}
