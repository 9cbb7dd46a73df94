/** Reads camera/zoom over three of its epochs: nothing has to be opened again. */
import { openSubscriber, video } from 'sluice';

await using view = await openSubscriber('camera/zoom', {
  // The width may vary, so the pattern leaves it out. With a width a change of it would end this with reason 'format'.
  format: video({ pixelFormat: 'gray8' }),
  delivery: 'every',
});

const epochs = new Set<number>();
for await (const frame of view) {
  if (epochs.has(frame.epoch)) continue;
  epochs.add(frame.epoch);
  const { width, height } = frame.format;
  console.log(`epoch ${frame.epoch} from frame ${frame.sequence} on: ${width}x${height}`);
  if (epochs.size === 3) break;
}
console.log(`lost ${view.stats().lost}`);
