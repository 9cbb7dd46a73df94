/** Makes a test of every instance, and one of every planted fault. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Report } from './check.js';
import { loadRing } from './code-under-test.js';
import type { Instance } from './instances.js';
import { type Mutant, searchMutant } from './mutant.js';

function say(context: TestContext, report: Report): void {
  const { states, steps, depth, points, nodes } = report;
  context.diagnostic(
    `${states} states, ${steps} steps, depth ${depth}, ${points} shared words, ${nodes} places`,
  );
}

function traceOf({ violation, trace }: Report): string {
  return `${violation ?? 'every rule holds'}\n${trace.join('\n')}\n`;
}

export function testInstances(title: string, instances: readonly Instance[]): void {
  describe(title, () => {
    for (const instance of instances) {
      it(instance.name, async (context) => {
        const report = instance.run(await loadRing());
        say(context, report);
        if (instance.breaks === undefined) {
          assert.equal(report.violation, undefined, traceOf(report));
        } else {
          assert.match(report.violation ?? '', instance.breaks, traceOf(report));
        }
      });
    }
  });
}

export function testMutants(title: string, mutants: readonly Mutant[]): void {
  describe(title, () => {
    for (const mutant of mutants) {
      it(mutant.rule, async (context) => {
        const report = await searchMutant(mutant);
        say(context, report);
        assert.match(report.violation ?? 'every rule holds', mutant.breaks, traceOf(report));
      });
    }
  });
}
