/**
 * Runs under a low RLIMIT_NOFILE. Leaves from no to many descriptors free and opens, publishes and changes the format
 * with them: each attempt must succeed or name its cause, and leave no descriptor behind.
 */
import { closeSync, openSync, readdirSync } from 'node:fs';
import { isSluiceError, openPublisher, openSubscriber, video } from '../../src/index.js';
import { given, tell } from './program.js';
import { publishStamped, STAMPED, STAMPED_BYTES } from './stamp.js';

const { directory } = given<{ directory: string }>();
const MOST_FREE = 16;
const small = video({ width: 8, height: 8, pixelFormat: 'gray8' });
const large = video({ width: 16, height: 8, pixelFormat: 'gray8' });

const frames = await openPublisher('frames', { directory, format: STAMPED });
const pictures = await openPublisher('pictures', { directory, format: small });
const watcher = await openSubscriber('pictures', { directory, format: video() });

const attempts: Record<string, () => Promise<{ close(): Promise<void> } | undefined>> = {
  publisher: () => openPublisher('other', { directory, format: STAMPED }),
  messages: () => openPublisher('words', { directory, format: STAMPED_BYTES }),
  subscriber: () => openSubscriber('frames', { directory, format: STAMPED, whenMissing: 'fail' }),
  epoch: async () => {
    await pictures.setFormat(pictures.manifest.epoch % 2 === 1 ? large : small);
    return undefined;
  },
};

/** Opens descriptors until none is left. */
function fill(): number[] {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch {
      return taken;
    }
  }
}

/** Until nobody is left who comes or goes: the watcher has read a frame of the present epoch. */
async function settle(): Promise<void> {
  while (frames.stats().subscribers > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  for (;;) {
    pictures.send(new Uint8Array(64 * 8));
    const frame = watcher.tryReceive();
    frame?.release();
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (frame?.epoch === pictures.manifest.epoch && pictures.stats().subscribers === 1) return;
  }
}

const results: Record<string, string[]> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  const outcomes: string[] = [];
  for (let free = 0; free <= MOST_FREE; free++) {
    await settle();
    const before = readdirSync('/proc/self/fd').length;
    const taken = fill();
    for (const fd of taken.splice(0, free)) closeSync(fd);
    let outcome = 'done';
    let opened: { close(): Promise<void> } | undefined;
    try {
      opened = await attempt();
    } catch (error) {
      outcome = isSluiceError(error) ? error.code : String(error);
    }
    for (const fd of taken) closeSync(fd);
    await opened?.close();
    await settle();
    let leaked = readdirSync('/proc/self/fd').length - before;
    // A publisher that could not accept tries again a little later, and finds that the client has gone.
    for (let tries = 0; leaked > 0 && tries < 400; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      leaked = readdirSync('/proc/self/fd').length - before;
    }
    outcomes.push(leaked <= 0 ? outcome : `${outcome}, leaks ${leaked} with ${free} free`);
  }
  results[name] = outcomes;
}
const loan = frames.tryLoan();
if (loan !== undefined) publishStamped(loan, 1);
pictures.send(new Uint8Array(64 * 8));
const picture = await watcher.receive();
results['after'] = [
  `frame ${frames.stats().published}`,
  `epoch ${picture.epoch - pictures.manifest.epoch}`,
];
picture.release();
await Promise.all([watcher.close(), frames.close(), pictures.close()]);
tell(JSON.stringify(results));
