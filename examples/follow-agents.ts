/** Reads all channels that match agent/* as one, as they come and go, until Ctrl+C. */
import { openSubscriber, text } from 'sluice';

await using agents = await openSubscriber('agent/*', { format: text(), start: 'oldest' });
process.once('SIGINT', () => void agents.close());

console.log('following agent/*');
for await (const message of agents) console.log(`${message.channel}: ${message.value}`);
