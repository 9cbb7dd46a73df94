/** Several subscribers of one channel in a process: each takes every frame that it can and gives it back. */
import { openSubscriber, tensors } from '../../index.js';
import { answer, givenTo } from './given.js';

export interface FanOutGiven {
  readonly directory: string;
  readonly channel: string;
  readonly subscribers: number;
}

const { directory, channel, subscribers } = givenTo<FanOutGiven>();

for (let index = 0; index < subscribers; index++) {
  const subscriber = await openSubscriber(channel, { format: tensors(), directory, maxHeld: 1 });
  void (async () => {
    // The loop releases each frame at its next turn.
    for await (const frame of subscriber) if (frame.sequence < 0) break;
  })();
}
await answer({ ready: true });
