/**
 * One member of a group that splits camera/door: member INDEX of COUNT gets every COUNT-th picture, in order.
 *
 *   node dist/examples/share-work.js 0 2 & node dist/examples/share-work.js 1 2
 */
import { openSubscriber, video } from 'sluice';

const [index = '0', count = '2'] = process.argv.slice(2);

// Members know nothing of each other: a picture belongs to whom its sequence says (sequence mod count = index).
await using view = await openSubscriber('camera/door', {
  format: video(),
  delivery: 'every',
  maxLag: 25,
  share: { index: Number(index), count: Number(count) },
  label: `worker ${index} of ${count}`,
});

let done = 0;
for await (const frame of view) {
  console.log(`picture ${frame.sequence}`);
  if (++done === 10) break;
}
