/** `sluice pub` of messages: lines of standard input, or one file as one message. */
import { createReadStream } from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import type { MessageFormat } from '../../format/index.js';
import type { MessagePublisher } from '../../bus/publisher/message-publisher.js';
import { type Run, UsageError } from '../run.js';
import { readLines } from './input-lines.js';

export interface LineOptions {
  /** Ends after so many. */
  readonly most: number;
  /** Of the messages. */
  readonly type: number;
  /** Awaited before the next line is sent. The line is valid until then. */
  readonly onSent?: (line: Uint8Array) => Promise<void>;
}

export interface SendResult {
  readonly units: number;
}

/** The input as a stream that ends with the run; reading then fails, and nobody is interested. */
function openInput(run: Run, path: string | undefined): AsyncIterable<Uint8Array> {
  const stream = path === undefined || path === '-' ? process.stdin : createReadStream(path);
  const stop = (): void => void stream.destroy();
  run.signal.addEventListener('abort', stop, { once: true });
  return stream as AsyncIterable<Uint8Array>;
}

/** Each line a message. Waits where the publisher waits; ends with the input, the run or after `most`. */
export async function sendLines<F extends MessageFormat>(
  run: Run,
  publisher: MessagePublisher<F>,
  { most, type, onSent }: LineOptions,
): Promise<SendResult> {
  let units = 0;
  try {
    for await (const line of readLines(openInput(run, undefined), publisher.maxMessageBytes)) {
      assertEncoding(publisher.format.kind, line, units + 1);
      await publisher.send(line, { type, signal: run.signal });
      units += 1;
      await onSent?.(line);
      if (units >= most) break;
    }
  } catch (error) {
    if (!run.ended) throw inputFailure(error, 'standard input');
  }
  return { units };
}

/** The whole file as one message. */
export async function sendFile(
  run: Run,
  publisher: MessagePublisher<MessageFormat>,
  path: string,
  type: number,
): Promise<SendResult> {
  const shown = path === '-' ? 'standard input' : printable(path);
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  try {
    for await (const chunk of openInput(run, path)) {
      chunks.push(chunk);
      byteLength += chunk.byteLength;
      if (byteLength > publisher.maxMessageBytes) {
        throw new UsageError(
          `${shown} has more than ${publisher.maxMessageBytes} bytes, which is what a message of this channel may have; ` +
            `a larger --ring takes larger ones`,
        );
      }
    }
  } catch (error) {
    if (run.ended) return { units: 0 };
    throw inputFailure(error, shown);
  }
  await publisher.send(Buffer.concat(chunks), { type, signal: run.signal });
  return { units: 1 };
}

/** Bytes are sent as they came; what they claim to be is checked first, where the mistake was made. */
function assertEncoding(kind: MessageFormat['kind'], line: Uint8Array, number: number): void {
  if (kind !== 'text' && kind !== 'json') return;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line);
  } catch {
    throw new SluiceError('INVALID_MESSAGE', `line ${number} of the input is not UTF-8`, {
      remedy: 'Send it with --format bytes.',
    });
  }
  if (kind === 'text') return;
  try {
    JSON.parse(text);
  } catch {
    throw new SluiceError('INVALID_MESSAGE', `line ${number} of the input is not JSON`, {
      details: { line: number, text: text.slice(0, 200) },
      remedy: 'Each line must be one JSON value; send it with --format text otherwise.',
    });
  }
}

function inputFailure(error: unknown, what: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  return code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR'
    ? new UsageError(`cannot read ${what}: ${code}`)
    : new SluiceError('SYSTEM', `cannot read ${what}: ${code}`, { cause: error });
}
