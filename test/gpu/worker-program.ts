/** A publisher or a subscriber of GPU frames in a worker thread: another thread of the same context. */
import { parentPort, workerData } from 'node:worker_threads';
import { Stream } from '../../src/gpu/index.js';
import { openPublisher, openSubscriber } from '../../src/index.js';
import { putNext } from './gpu-runtime.js';
import { Checker, delay, kernelsOf, STAMPED } from './integrity.js';

interface Task {
  readonly role: 'publisher' | 'subscriber';
  readonly directory: string;
  readonly channel: string;
  readonly count: number;
}

const { role, directory, channel, count } = workerData as Task;
const port = parentPort!;

async function subscribe(): Promise<void> {
  const checker = new Checker(await Stream.create());
  const { stream } = checker;
  const options = { directory, format: STAMPED, stream, delivery: 'every' } as const;
  const subscriber = await openSubscriber(channel, options);
  port.postMessage('ready');
  let received = 0;
  for await (const frame of subscriber) {
    checker.check(frame);
    received += 1;
    if (frame.ptsNs === count) break;
  }
  await subscriber.close();
  await stream.synchronize();
  port.postMessage({ received, wrong: checker.wrong });
  await stream.close();
  checker.close();
}

async function publish(): Promise<void> {
  const stream = await Stream.create();
  kernelsOf(stream.device);
  const options = {
    directory,
    format: STAMPED,
    memory: 'cuda',
    slots: 16,
    whenFull: 'wait',
  } as const;
  const publisher = await openPublisher(channel, options);
  port.postMessage('ready');
  for await (const { subscribers } of publisher.demand()) if (subscribers > 0) break;
  for (let value = 1; value <= count; value++) {
    if (value % 9 === 0) delay(stream, 2);
    await putNext(publisher, stream, value);
  }
  await publisher.close();
  await stream.close();
  port.postMessage({ published: count });
}

await (role === 'publisher' ? publish() : subscribe());
