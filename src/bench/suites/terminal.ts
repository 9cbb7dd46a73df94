/** Programs in terminals: how much of their output one terminal shows, how soon, and at what cost. */
import { ChildKilled, endWithRun } from '../child-program.js';
import type { BenchContext, Measurement, Suite } from '../measurement.js';
import { Findings } from './findings.js';
import { bytesSubjects, bytesTargets } from './terminal-bytes.js';
import { echoSubjects, echoTarget, measureEchoAlone } from './terminal-echo.js';
import { idleSubjects, idleTarget } from './terminal-idle.js';
import { loadSubjects, loadTargets, measureLoad } from './terminal-load.js';
import { measurePanes } from './terminal-panes.js';
import { measureStream, streamSubjects, streamTarget } from './terminal-stream.js';

const SUITE = 'terminal';

const subjects = [
  ...streamSubjects,
  ...echoSubjects,
  ...idleSubjects,
  ...bytesSubjects,
  ...loadSubjects,
];

export const terminal: Suite = {
  name: SUITE,
  description: 'programs in terminals of their own, shown in one, beside a terminal alone and tmux',
  targets: [streamTarget, echoTarget, idleTarget, ...bytesTargets, ...loadTargets].map(
    (target) => ({ suite: SUITE, ...target }),
  ),
  run,
};

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const findings = new Findings(SUITE, subjects, context);
  let isOver = false;
  const forget = endWithRun({
    stop: () => {
      isOver = true;
      return Promise.resolve();
    },
  });
  const rounds: (() => Promise<void>)[] = Array.from({ length: context.rounds }).flatMap(() => [
    () => measureEchoAlone(context, findings),
    () => measurePanes(context, findings, 'sluice'),
    () => measurePanes(context, findings, 'tmux'),
    () => measureLoad(context, findings),
  ]);
  try {
    for (const measure of [() => measureStream(context, findings), ...rounds]) {
      if (isOver) throw new ChildKilled('the run was ended');
      await measure();
    }
  } finally {
    forget();
  }
  return findings.measurements();
}
