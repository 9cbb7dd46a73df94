/** Publishes a heartbeat on service/clock. Start it twice: the second stands by and takes over when the first is gone. */
import { setInterval } from 'node:timers/promises';
import { openPublisher, text } from 'sluice';

console.log(`${process.pid} stands by`);
await using clock = await openPublisher('service/clock', {
  format: text(),
  // The owner's lock is freed by the kernel, however the owner ended.
  whenTaken: 'wait',
});

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
console.log(`${process.pid} publishes`);
for await (const _ of setInterval(100)) {
  if (stop.signal.aborted) break;
  clock.trySend(`${new Date().toISOString()} from ${process.pid}`);
}
