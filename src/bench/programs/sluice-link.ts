/** How Sluice sends in the `messages` suite: strictly, so that nothing is passed over. */
import { type MessagePublisher, openPublisher } from '../../bus/index.js';
import { bytes, type BytesFormat } from '../../format/index.js';
import type { MessageLink } from './message-links.js';
import {
  CLOCK_EVERY,
  DATA_MARK,
  END_MARK,
  LARGEST_BATCH,
  makeMessages,
  type MessageGiven,
  type PhaseReport,
} from './message-wire.js';
import { forkOtherEnd, SPIN_MS } from './subject-face.js';

const SLOTS = 4096;
export const SLUICE_CHANNEL = 'bench/messages';

export async function openSluiceLink(given: MessageGiven): Promise<MessageLink> {
  const layout =
    given.subject === 'sluice slots' ? ({ layout: 'slots', slots: SLOTS } as const) : {};
  const publisher = await openPublisher(SLUICE_CHANNEL, {
    format: bytes(),
    directory: given.directory,
    patienceMs: Infinity,
    ...layout,
  });
  const child = await forkOtherEnd('message-receiver.js', given);
  const link = new SluiceLink(publisher);
  child.on('message', (report) => link.onReport(report as PhaseReport));
  return link;
}

class SluiceLink implements MessageLink {
  onReport: (report: PhaseReport) => void = () => undefined;
  readonly #publisher: MessagePublisher<BytesFormat>;
  readonly #messages = makeMessages(LARGEST_BATCH, DATA_MARK);
  readonly #end = makeMessages(1, END_MARK);

  constructor(publisher: MessagePublisher<BytesFormat>) {
    this.#publisher = publisher;
  }

  async send(batch: number, untilMs: number): Promise<number> {
    const messages = this.#messages.slice(0, batch);
    let sent = 0;
    while (performance.now() < untilMs) {
      await (batch === 1 ? this.#sendSingly() : this.#sendBatches(messages));
      sent += CLOCK_EVERY;
    }
    return sent;
  }

  async end(): Promise<void> {
    await this.#sendRest(this.#end);
  }

  async #sendSingly(): Promise<void> {
    const publisher = this.#publisher;
    const messages = this.#messages;
    for (let i = 0; i < CLOCK_EVERY; i++) {
      const message = messages[i % LARGEST_BATCH] as Uint8Array;
      if (!publisher.trySend(message)) await this.#sendRest([message]);
    }
  }

  async #sendBatches(messages: readonly Uint8Array[]): Promise<void> {
    const publisher = this.#publisher;
    for (let i = 0; i < CLOCK_EVERY; i += messages.length) {
      const sent = publisher.trySendBatch(messages);
      if (sent < messages.length) await this.#sendRest(messages.slice(sent));
    }
  }

  /** The ring is full: a short spin, then sleep until the reader rings. */
  async #sendRest(messages: readonly Uint8Array[]): Promise<void> {
    const untilMs = performance.now() + SPIN_MS;
    let sent = 0;
    for (;;) {
      sent += this.#publisher.trySendBatch(sent === 0 ? messages : messages.slice(sent));
      if (sent === messages.length) return;
      if (performance.now() > untilMs) await this.#publisher.waitForRoom();
    }
  }
}
