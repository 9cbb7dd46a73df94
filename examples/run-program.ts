/**
 * Runs a program in a terminal of its own and publishes what happens there on agent/NAME, where `sluice agents attach`
 * and watch-screen.ts find it:
 *
 *   node dist/examples/run-program.js one sh -c 'ls --color; sleep 5'
 *
 * Waits for the first reader: a ring ends with its publisher, and what nobody had opened by then is gone.
 */
import { bytes, openPublisher } from 'sluice';
import {
  encodeTerminalEvent,
  PtyProcess,
  TERMINAL_MEDIA_TYPE,
  type TerminalEvent,
} from 'sluice/terminal';

const [name = 'one', ...command] = process.argv.slice(2);
const size = { columns: 80, rows: 24 };
await using agent = await openPublisher(`agent/${name}`, {
  format: bytes(TERMINAL_MEDIA_TYPE),
  userData: { kind: 'terminal', ...size },
});
console.log(`publishing ${agent.channel}`);
for await (const { subscribers } of agent.demand()) if (subscribers > 0) break;

let sent = Promise.resolve();

/** In order, however long a reader takes. */
function tell(event: TerminalEvent): void {
  const message = encodeTerminalEvent(event);
  sent = sent.then(() => agent.send(message.bytes, { type: message.type }));
}

tell({ type: 'size', size });
const environment = { ...(process.env as Record<string, string>), TERM: 'xterm-256color' };
const program = await PtyProcess.start(
  { command, directory: process.cwd(), environment, size },
  {
    onOutput(output) {
      // Good during the call only. Until it is sent the program is not read, and waits.
      tell({ type: 'output', bytes: output.slice() });
      program.pause();
      void sent.then(() => program.resume());
    },
  },
);
const { exitCode = 0, signal } = await program.ended;
tell({ type: 'exit', end: signal === undefined ? { exitCode } : { signal } });
await sent;
