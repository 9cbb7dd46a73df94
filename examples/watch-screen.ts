/**
 * Keeps the screen of the program on agent/NAME, whoever runs it (`sluice agents new`, run-program.ts), and prints what it
 * shows when it ends:
 *
 *   node dist/examples/watch-screen.js one
 */
import { bytes, openSubscriber } from 'sluice';
import { AgentScreen, decodeTerminalEvent, plainLines } from 'sluice/terminal';

const [name = 'one'] = process.argv.slice(2);
const screen = new AgentScreen({ columns: 80, rows: 24 });
await using agent = await openSubscriber(`agent/${name}`, { format: bytes(), start: 'oldest' });

for await (const message of agent) {
  const event = decodeTerminalEvent(message);
  if (event?.type === 'size') screen.resize(event.size.columns, event.size.rows);
  if (event?.type === 'output') screen.write(event.bytes);
  if (event?.type === 'exit') {
    console.log(`${agent.channel} ended: ${event.end.signal ?? event.end.exitCode}`);
    break;
  }
}
// Made from cells: nothing in it acts on a terminal.
for (const line of plainLines(screen, 0)) if (line !== '') console.log(line);
screen.close();
