/** A user in front of a terminal that shows a session of agents. */
import type { TestContext } from 'node:test';
import type { AgentStage } from './agent-stage.js';
import { Desk, type DeskOptions } from './desk.js';

export const SIZE = { columns: 80, rows: 24 };

/** See `DeskOptions`; the words follow `agents attach`. */
export type AttachOptions = Partial<Omit<DeskOptions, 'environment'>>;

export function attach(
  stage: AgentStage,
  test: TestContext,
  { size = SIZE, words = [], ...options }: AttachOptions = {},
): Promise<Desk> {
  const environment = { SLUICE_DIR: stage.directory, XDG_STATE_HOME: stage.state };
  return Desk.open(test, {
    ...options,
    words: ['agents', 'attach', ...words],
    size,
    environment,
  });
}
