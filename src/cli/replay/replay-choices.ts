import { printable } from '../../core/index.js';
import { AgentSelection, type Recording } from '../../terminal/replay/index.js';
import { clockText } from '../../terminal/view/index.js';
import { UsageError } from '../run.js';

/** How a recording is shown, or written, whatever it is shown in. */
export interface ReplayChoices {
  readonly fromMs: number;
  /** Undefined: as it was recorded, or as fast as it goes where nobody looks. */
  readonly speed: number | undefined;
  readonly idleLimitMs: number;
}

const MAX_TOLD_NAMES = 20;

/** Throws a UsageError for names that are not in the recording, and when nothing is left. */
export function selectAgents(
  { agents }: Recording,
  solo: readonly string[] = [],
  muted: readonly string[] = [],
): AgentSelection {
  const names = agents.map(({ name }) => name);
  const has = names
    .slice(0, MAX_TOLD_NAMES)
    .map((name) => printable(name, 80))
    .join(', ');
  for (const [option, wanted] of [
    ['--solo', solo],
    ['--mute', muted],
  ] as const) {
    const unknown = wanted.find((name) => !names.includes(name));
    if (unknown === undefined) continue;
    throw new UsageError(`${option} ${printable(unknown, 80)}: there are ${has}`);
  }
  const selection = new AgentSelection(names, solo, muted);
  if (selection.shown.length > 0) return selection;
  throw new UsageError(`--solo and --mute leave nobody: there are ${has}`);
}

/** Throws a UsageError for a time behind the end. */
export function checkStart({ lengthMs }: Recording, fromMs: number): void {
  if (fromMs <= lengthMs) return;
  const length = `${clockText(lengthMs)} (${(lengthMs / 1000).toFixed(1)} s)`;
  throw new UsageError(`--from ${fromMs / 1000}: the recording is ${length} long`);
}
