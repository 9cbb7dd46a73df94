/** Helper of socket.test.ts: connects and stays until it is killed. */
import { connectUnix } from '../../../src/ffi/index.js';

connectUnix(process.argv[2]!);
console.log('connected');
process.stdin.resume();
