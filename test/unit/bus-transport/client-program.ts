/**
 * A subscriber in a process of its own: `PATH idle` connects and rings at each line of its input;
 * `PATH leave-child` connects and hands the socket to a child that outlives it. Prints `ready [pid of the child]`.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { connectChannel } from '../../../src/bus/transport/channel-client.js';
import { closeDescriptor, connectUnix, sendBytes } from '../../../src/ffi/index.js';
import { encodeFrame, FrameType } from '../../../src/layout/handshake.js';
import { HELLO, Recorder } from './recorder.js';

const [path = '', mode] = process.argv.slice(2);

if (mode === 'leave-child') {
  const fd = connectUnix(path);
  const hello = encodeFrame(FrameType.HELLO, HELLO);
  const wake = encodeFrame(FrameType.WAKE);
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  child.on('spawn', () => {
    sendBytes(fd, hello, 0, hello.length);
    sendBytes(fd, wake, 0, wake.length);
    process.stdout.write(`ready ${child.pid}\n`);
  });
} else {
  const { connection, descriptors } = await connectChannel(path, HELLO, { expectUid: () => true });
  for (const descriptor of descriptors) closeDescriptor(descriptor);
  connection.resume(new Recorder<'client'>());
  createInterface(process.stdin).on('line', () => connection.wake());
  process.stdout.write('ready\n');
}
process.stdin.on('end', () => process.exit(0)).resume();
