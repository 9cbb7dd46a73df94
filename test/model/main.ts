/**
 * Searches instances by hand: node dist/test/model/main.js [--large] [--trace] [word ...]
 *
 * Runs those whose name contains one of the words, or all. `--large` takes the larger instances instead, which need
 * minutes and gigabytes: node --max-old-space-size=16000 dist/test/model/main.js --large
 */
import { loadRing } from './code-under-test.js';
import { poolInstances, ringInstances } from './instances.js';
import { fenceInstances } from './fence-instances.js';
import { gpuRingInstances } from './gpu-ring-instances.js';
import { guardInstances } from './guard-instances.js';
import { largeInstances } from './large-instances.js';

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const hasTrace = process.argv.includes('--trace');
const code = await loadRing();
const instances = process.argv.includes('--large')
  ? largeInstances
  : [...poolInstances, ...ringInstances, ...fenceInstances, ...guardInstances, ...gpuRingInstances];
for (const instance of instances) {
  if (words.length > 0 && !words.some((word) => instance.name.includes(word))) continue;
  const report = instance.run(code);
  const found = report.violation ?? 'holds';
  const isExpected =
    instance.breaks === undefined
      ? report.violation === undefined
      : instance.breaks.test(report.violation ?? '');
  if (!isExpected) process.exitCode = 1;
  console.log(
    `${isExpected ? 'as expected' : 'UNEXPECTED '} | ${instance.name} | ${found} | ${report.states} states, ` +
      `${report.steps} steps, depth ${report.depth}, ${report.points} points, ${report.nodes} places, ` +
      `${report.seconds.toFixed(1)} s`,
  );
  if (hasTrace || !isExpected) for (const line of report.trace) console.log(`    ${line}`);
}
