/**
 * Sends what comes in on standard input, line by line, as text on agent/NAME:
 *
 *   seq 3 | node dist/examples/publish-lines.js one
 *
 * Waits for the first reader: a ring ends with its publisher, and what nobody had opened by then is gone.
 */
import { createInterface } from 'node:readline';
import { openPublisher, text } from 'sluice';

const [name = 'one'] = process.argv.slice(2);

await using agent = await openPublisher(`agent/${name}`, { format: text() });
console.log(`publishing ${agent.channel}`);
for await (const { subscribers } of agent.demand()) if (subscribers > 0) break;
for await (const line of createInterface({ input: process.stdin })) await agent.send(line);
