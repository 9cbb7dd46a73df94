import type { PaneView } from './pane-view.js';
import type { Prompt } from './prompt.js';
import { copyHint, type Question } from './question.js';
import type { StatusMessage } from './status-line.js';
import { commandsFor, type ViewPurpose } from './view-purpose.js';

export interface MessageContext {
  readonly prompt: Prompt | undefined;
  readonly question: Question | undefined;
  readonly notice: string;
  /** The prefix was pressed, and what follows is a command. */
  readonly isPrefixed: boolean;
  /** Its name. */
  readonly prefix: string;
  readonly purpose: ViewPurpose;
  readonly focused: PaneView | undefined;
  readonly isZoomed: boolean;
}

/** What the status line says to the user: of several things what has to be answered first. */
export function messageOf(context: MessageContext): StatusMessage {
  const { prompt, question, notice, prefix, focused } = context;
  if (prompt !== undefined) return { mode: '', message: prompt.label };
  if (question !== undefined) return { mode: '', message: question.text, urgent: true };
  if (notice !== '') return { mode: '', message: notice };
  if (context.isPrefixed) return { mode: prefix, message: commandsFor(context.purpose) };
  const { name, copyRequest } = focused?.pane ?? {};
  if (name !== undefined && copyRequest !== undefined) {
    const message = copyHint(name, copyRequest, prefix);
    return { mode: focused?.scroll === undefined ? '' : 'SCROLL', message, urgent: true };
  }
  if (focused?.scroll !== undefined) {
    return { mode: 'SCROLL', message: 'PgUp PgDn move  / search  v select  y copy  q back' };
  }
  return { mode: context.isZoomed ? 'ZOOM' : '', message: '' };
}
