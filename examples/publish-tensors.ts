/** Publishes two tensors a frame on model/tokens until Ctrl+C: a batch of token ids of any length, and a score each. */
import { setInterval } from 'node:timers/promises';
import { openPublisher, tensors } from 'sluice';

const MAX_BATCH = 8;
const MAX_TOKENS = 64;

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

await using model = await openPublisher('model/tokens', {
  format: tensors({
    // Shapes of variable tensors are upper bounds; each frame says how much of it is used.
    ids: { dtype: 'i32', shape: [MAX_BATCH, MAX_TOKENS], variable: true },
    scores: { dtype: 'f32', shape: [MAX_BATCH], variable: true },
  }),
});
console.log(`publishing ${model.channel}`);

let step = 0;
for await (const _ of setInterval(50)) {
  if (stop.signal.aborted) break;
  const batch = 1 + (step % MAX_BATCH);
  const tokens = 1 + (step % MAX_TOKENS);
  // loan() waits for a free slot, tryLoan() never does.
  using loan = await model.loan();
  const ids = loan.tensors.ids.data as Int32Array;
  const scores = loan.tensors.scores.data as Float32Array;
  // Elements are dense in the shape that is published, here [batch, tokens].
  for (let i = 0; i < batch * tokens; i++) ids[i] = step * 1000 + i;
  scores.fill(step / 100, 0, batch);
  loan.publish({ shape: { ids: [batch, tokens], scores: [batch] } });
  step += 1;
}
