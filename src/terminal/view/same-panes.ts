import type { ViewPane } from './view-pane.js';

/** Whether panes are described alike: nothing to tell a view. What they show is asked of their content. */
export function samePanes(panes: readonly ViewPane[], others: readonly ViewPane[]): boolean {
  return (
    panes.length === others.length &&
    panes.every((pane, index) => isSame(pane, others[index] as ViewPane))
  );
}

function isSame(a: ViewPane, b: ViewPane): boolean {
  return (
    a.name === b.name &&
    a.color === b.color &&
    a.state === b.state &&
    a.note === b.note &&
    a.content === b.content
  );
}
