/**
 * A channel server in a process of its own, at PATH. Commands, a line each, answered by a line:
 * `fill N`: opens files until only N descriptors are left; `free`: closes them, and tells how busy the event loop was
 * since `fill`.
 */
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ChannelServer } from '../../../src/bus/transport/channel-server.js';
import { WELCOME } from './recorder.js';

const server = new ChannelServer({
  channel: 'test',
  path: process.argv[2] ?? '',
  accepts: () => true,
  welcome: () => ({ body: WELCOME, descriptors: [0] }),
  manifest: () => ({}),
  stats: () => ({ publisher: {}, subscribers: [] }),
  onWake: () => {},
  onEnd: () => {},
});

const opened: number[] = [];
let since = performance.eventLoopUtilization();

function fill(left: number): void {
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  }
  for (const fd of opened.splice(0, left)) closeSync(fd);
}

createInterface(process.stdin)
  .on('line', (line) => {
    const [command, count] = line.split(' ');
    if (command === 'fill') {
      fill(Number(count));
      since = performance.eventLoopUtilization();
      process.stdout.write('full\n');
    } else {
      const { utilization } = performance.eventLoopUtilization(since);
      for (const fd of opened.splice(0)) closeSync(fd);
      process.stdout.write(`${utilization}\n`);
    }
  })
  .on('close', () => {
    server.close();
    process.exit(0);
  });
process.stdout.write('ready\n');
