/** Lists the channels of this machine, then tells what comes, changes and goes, until Ctrl+C. */
import { describeFormat, listChannels, watchChannels } from 'sluice';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

for (const { channel, format, memory, process: owner } of await listChannels()) {
  console.log(`${channel}: ${describeFormat(format)} in ${memory} memory, pid ${owner.pid}`);
}

console.log('watching');
for await (const { type, manifest } of watchChannels('**', { signal: stop.signal })) {
  console.log(`${type} ${manifest.channel}, epoch ${manifest.epoch}`);
}
