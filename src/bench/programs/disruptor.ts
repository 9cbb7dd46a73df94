/** The npm package `shared-memory-disruptor`, where it is installed and compiled. */
import { basename, dirname } from 'node:path';
import { MESSAGE_BYTES, type MessageGiven } from './message-wire.js';

/** As many places as Sluice's ring has slots. */
const PLACES = 4096;

export interface ProducerSlots {
  /** Room for one message; empty: there is none. */
  produceClaimSync(): Uint8Array;
  /** Room for so many messages, in one piece or two; none: there is none. */
  produceClaimManySync(count: number): Uint8Array[];
  produceCommitSync(): boolean;
}

export interface ConsumerSlots {
  /** Messages that are new, in pieces of whole messages; what came before is free again. */
  consumeNewSync(): Uint8Array[];
  consumeCommit(): void;
}

interface DisruptorModule {
  readonly Disruptor: new (
    name: string,
    places: number,
    placeBytes: number,
    consumers: number,
    consumer: number,
    init: boolean,
    spin: boolean,
  ) => ProducerSlots & ConsumerSlots;
}

/** The name of the shared memory object of this run, without its slash. */
export function disruptorObject(directory: string): string {
  return `sluice-bench-${basename(dirname(directory))}-${basename(directory)}`;
}

/** The producer makes the shared memory object. A string says why there is none. */
export async function openDisruptor(
  given: MessageGiven,
  role: 'producer' | 'consumer',
): Promise<(ProducerSlots & ConsumerSlots) | string> {
  const specifier = 'shared-memory-disruptor';
  let module: DisruptorModule;
  try {
    module = (await import(specifier)) as DisruptorModule;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_MODULE_NOT_FOUND' ? 'not installed' : 'not compiled';
  }
  const producer = role === 'producer';
  const name = `/${disruptorObject(given.directory)}`;
  return new module.Disruptor(name, PLACES, MESSAGE_BYTES, 1, producer ? -1 : 0, producer, false);
}
