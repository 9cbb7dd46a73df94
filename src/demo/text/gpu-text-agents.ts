/** Actor: agents whose lines kernels make and put into the rings, without a byte from the processor. */
import { readFileSync } from 'node:fs';
import { GpuProducer, type MessagePublisher, openPublisher } from '../../bus/index.js';
import { text, type TextFormat } from '../../format/index.js';
import { DeviceBuffer, type Kernel, loadKernel } from '../../gpu/index.js';
import { perform } from './perform.js';
import { phraseTable } from './transcript.js';

export interface GpuTextAgentsGiven {
  /** One an agent, in their order. */
  readonly channels: readonly string[];
  readonly slots: number;
  readonly linesPerSecond: number;
}

const TICK_MS = 20;
/** Of the arena, for each line; this and the table are those of kernels/speech-layout.h. */
const LINE_BYTES = 128;
const CONTEXT_BYTES = 16;
const MAX_LINES = 64;

class GpuTextAgent {
  said = 0;
  readonly #agent: number;
  readonly #publisher: MessagePublisher<TextFormat>;
  readonly #producer: GpuProducer;
  readonly #contexts = DeviceBuffer.create(MAX_LINES * CONTEXT_BYTES);

  private constructor(
    agent: number,
    publisher: MessagePublisher<TextFormat>,
    producer: GpuProducer,
  ) {
    this.#agent = agent;
    this.#publisher = publisher;
    this.#producer = producer;
  }

  static async open(agent: number, channel: string, slots: number): Promise<GpuTextAgent> {
    const options = { format: text(), layout: 'slots', whenFull: 'wait', slots } as const;
    const publisher = await openPublisher(channel, { ...options, label: 'demo agent, GPU' });
    const producer = await GpuProducer.open(publisher, { arenaBytes: MAX_LINES * LINE_BYTES });
    return new GpuTextAgent(agent, publisher, producer);
  }

  async untilRead(): Promise<void> {
    for await (const { subscribers } of this.#publisher.demand()) if (subscribers > 0) return;
  }

  /** Says lines up to that number. */
  async sayUntil(dueLines: number, speak: Kernel, table: Uint8Array): Promise<void> {
    const { arena, stream } = this.#producer;
    while (this.said < dueLines) {
      const count = Math.min(MAX_LINES, dueLines - this.said);
      const numbers = [{ u32: this.#agent }, { u32: this.said }] as const;
      const args = [arena.pointer, this.#contexts.pointer, { bytes: table }, ...numbers];
      speak.launch({ grid: 1, block: count, stream, args });
      const { pointer } = this.#contexts;
      await this.#producer.processBatch({ pointer, count, maxBytes: LINE_BYTES });
      this.said += count;
    }
  }

  async close(): Promise<void> {
    await this.#publisher.close();
    this.#contexts.close();
  }
}

await perform<GpuTextAgentsGiven>(async ({ channels, slots, linesPerSecond }, stage) => {
  const ptx = readFileSync(new URL('../../../../kernels/speech.ptx', import.meta.url), 'utf8');
  using speak = loadKernel(ptx, 'say_lines');
  const table = phraseTable();
  const agents = await Promise.all(
    channels.map((channel, agent) => GpuTextAgent.open(agent, channel, slots)),
  );
  await Promise.all(agents.map((agent) => agent.untilRead()));
  const startMs = performance.now();
  while (!stage.stopped) {
    const dueLines = Math.floor(((performance.now() - startMs) / 1000) * linesPerSecond);
    for (const agent of agents) await agent.sayUntil(dueLines, speak, table);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(agents.map((agent) => agent.close()));
  return agents.map(({ said }) => said);
});
