/** Actor: one agent that says its lines on a channel of its own, at a pace that is its own too. */
import { openPublisher } from '../../bus/index.js';
import { text } from '../../format/index.js';
import { perform } from './perform.js';
import { lineOf } from './transcript.js';

export interface TextAgentGiven {
  readonly channel: string;
  readonly agent: number;
  /** Slots of its ring, a power of two. */
  readonly slots: number;
  readonly linesPerSecond: number;
}

const TICK_MS = 20;

await perform<TextAgentGiven>(async ({ channel, agent, slots, linesPerSecond }, stage) => {
  await using publisher = await openPublisher(channel, {
    format: text(),
    layout: 'slots',
    slots,
    whenFull: 'wait',
    label: 'demo agent',
  });
  // Whoever watches reads from the first line on.
  for await (const { subscribers } of publisher.demand()) if (subscribers > 0) break;
  const startMs = performance.now();
  let said = 0;
  while (!stage.stopped) {
    const dueLines = Math.floor(((performance.now() - startMs) / 1000) * linesPerSecond);
    while (said < dueLines && !stage.stopped) {
      const { type, text: line } = lineOf(agent, said);
      await publisher.send(line, { type });
      said += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return [said];
});
