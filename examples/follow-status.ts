/** Reads service/clock over the ends of its publishers, and says what happens to the connection, until Ctrl+C. */
import { openSubscriber, text } from 'sluice';

// Opened before anybody publishes it waits; when the publisher ends it looks for the next one. Both are the default.
await using clock = await openSubscriber('service/clock', { format: text() });
process.once('SIGINT', () => void clock.close());

async function tellStatus(): Promise<void> {
  for await (const status of clock.status()) {
    if (status.type === 'connected') console.log(`connected to ${status.manifest.process.pid}`);
    if (status.type === 'lost') console.log(`lost: ${status.reason}`);
  }
}

const told = tellStatus();
for await (const { value } of clock) console.log(value);
await told;
console.log(`ended: ${(await clock.closed).reason}, reconnected ${clock.stats().reconnects} times`);
