/** Writes an MCAP file: channels as they turn up, units one after the other. */
import type { FileHandle } from 'node:fs/promises';
import { McapWriter } from '@mcap/core';
import { formatToJson } from '../../format/index.js';
import type { Manifest } from '../../bus/index.js';
import { createRecordingFile } from '../record/recording-file.js';
import { writeFailure } from '../record/write-failure.js';
import { UNIT_ENCODING, UNIT_SCHEMA } from './unit-codec.js';

export class McapFile {
  writtenBytes = 0;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #writer: McapWriter;
  /** Ids of channels by instance and epoch: a change of format is another channel of the same name. */
  readonly #channels = new Map<string, number>();
  /** One thing is written at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #schemaId = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
    this.#writer = new McapWriter({
      writable: {
        write: (bytes) => this.#write(bytes),
        position: () => BigInt(this.writtenBytes),
      },
    });
  }

  /** Rejects with SYSTEM when the file cannot be made. */
  static async create(path: string, overwrite?: boolean): Promise<McapFile> {
    const file = await createRecordingFile(path, overwrite);
    const mcap = new McapFile(path, file);
    try {
      await mcap.#writer.start({ profile: '', library: 'sluice' });
      mcap.#schemaId = await mcap.#writer.registerSchema(UNIT_SCHEMA);
      return mcap;
    } catch (error) {
      await mcap.abandon();
      throw error;
    }
  }

  /** Resolves when the unit is with the file: a slow disk holds its caller up. `timeNs`: wall clock. */
  add(manifest: Manifest, sequence: number, timeNs: number, data: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const channelId = await this.#channelOf(manifest);
      const logTime = BigInt(Math.round(timeNs));
      await this.#writer.addMessage({
        channelId,
        sequence: sequence % 2 ** 32,
        logTime,
        publishTime: logTime,
        data,
      });
    });
  }

  /** Writes the index, so that other tools can seek. */
  async finish(): Promise<void> {
    try {
      await this.#inTurn(() => this.#writer.end());
    } finally {
      await this.#file.close();
    }
  }

  /** After a failure: what is there stays. */
  async abandon(): Promise<void> {
    await this.#turn.catch(() => undefined);
    await this.#file.close().catch(() => undefined);
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #channelOf(manifest: Manifest): Promise<number> {
    const { channel, instance, epoch, format, layout, slots, userData } = manifest;
    const key = `${channel} ${instance} ${epoch}`;
    const known = this.#channels.get(key);
    if (known !== undefined) return known;
    const metadata = { format: formatToJson(format), layout, slots, userData };
    const id = await this.#writer.registerChannel({
      schemaId: this.#schemaId,
      topic: channel,
      messageEncoding: UNIT_ENCODING,
      metadata: new Map([['sluice', JSON.stringify(metadata)]]),
    });
    this.#channels.set(key, id);
    return id;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.byteLength;) {
        const { bytesWritten } = await this.#file.write(bytes, at);
        at += bytesWritten;
      }
    } catch (error) {
      throw writeFailure(this.#path, error as NodeJS.ErrnoException, this.writtenBytes);
    }
    this.writtenBytes += bytes.byteLength;
  }
}
