/** A user in front of a terminal that shows a session of agents. */
import type { TestContext } from 'node:test';
import type { AgentStage } from './agent-stage.js';
import { Desk } from './desk.js';

export const SIZE = { columns: 80, rows: 24 };

export interface AttachOptions {
  readonly size?: { readonly columns: number; readonly rows: number };
  readonly words?: readonly string[];
  /** See `DeskOptions`. */
  readonly script?: string;
}

export function attach(
  stage: AgentStage,
  test: TestContext,
  { size = SIZE, words = [], script }: AttachOptions = {},
): Promise<Desk> {
  const environment = { SLUICE_DIR: stage.directory, XDG_STATE_HOME: stage.state };
  return Desk.open(test, { words: ['agents', 'attach', ...words], size, environment, script });
}
