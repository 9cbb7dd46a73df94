/** Reads ten frames of model/tokens in place: shapes, rows, single elements. */
import { openSubscriber, tensors } from 'sluice';

// As a pattern `tensors()` takes any; naming them makes a channel with other tensors a FORMAT_MISMATCH.
await using tokens = await openSubscriber('model/tokens', {
  format: tensors({
    ids: { dtype: 'i32', shape: [8, 64], variable: true },
    scores: { dtype: 'f32', shape: [8], variable: true },
  }),
});

let read = 0;
for await (const frame of tokens) {
  const { ids, scores } = frame.tensors;
  const lastRow = ids.asIndex(0, ids.shape[0]! - 1);
  const lastToken = lastRow.data.at(-1);
  console.log(
    `frame ${frame.sequence}: ids [${ids.shape.join(', ')}], last token ${lastToken}, ` +
      `first score ${Number(scores.data[0]).toFixed(2)}`,
  );
  if (++read === 10) break;
}
