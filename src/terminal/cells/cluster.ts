import { codePointInfo, columnsAlone, INFO_BITS, isRefused, KIND, kindOf } from './code-point.js';

/**
 * How text falls into cells: the one table of this project, for what programs print and for what is drawn around it.
 * Unicode's grapheme clusters as far as terminals have them: marks, joined emoji, flags, Hangul by letters. A cluster takes
 * the columns of its first code point; VS16 makes two of one.
 *
 * The state of a cluster after a code point, in the form that xterm passes from one character to the next (`IUnicodeVersionProvider`):
 *
 * ```
 * bit 0       the code point joined the cluster before it
 * bits 1-2    columns of the cluster so far
 * bits 3-7    PHASE
 * bits 8-11   code points that joined
 * ```
 */
export type ClusterState = number;

/** No cluster: the start of a text, or after a control sequence. */
export const NO_CLUSTER: ClusterState = 0;

/** What may join, by what the cluster is. The first ones have the numbers of KIND. */
const PHASE = { joinedPictograph: 16, flag: 17 } as const;

/** A longer cluster ends: what would join starts a cell of its own. No emoji needs more. */
export const MAX_JOINED = 14;

function stateOf(phase: number, columns: number, count: number, isJoined: 0 | 1): ClusterState {
  return (count << 8) | (phase << 3) | (columns << 1) | isJoined;
}

export function phaseOf(state: ClusterState): number {
  return (state >> 3) & 0x1f;
}

/** Columns of the cluster so far. */
export function clusterColumns(state: ClusterState): number {
  return (state >> 1) & 3;
}

export function joins(state: ClusterState): boolean {
  return (state & 1) !== 0;
}

const LAST_ASCII = 0x7e;
const ascii = new Uint16Array(LAST_ASCII + 1).map((_, code) =>
  stateOf(kindOf(codePointInfo(code)), 1, 0, 0),
);

/** The phase of a cluster that `kind` joins, or -1: it starts a new one. */
function phaseJoined(phase: number, kind: number): number {
  switch (kind) {
    case KIND.mark:
    case KIND.emojiSelector:
    case KIND.invisible:
      return phase === PHASE.joinedPictograph ? KIND.mark : phase;
    case KIND.joiner:
      return phase === KIND.pictograph ? PHASE.joinedPictograph : phase;
    case KIND.tag:
      return phase === KIND.pictograph ? phase : KIND.mark;
    case KIND.skinTone:
      return phase === KIND.pictograph ? phase : -1;
    case KIND.pictograph:
      return phase === PHASE.joinedPictograph ? KIND.pictograph : -1;
    case KIND.regional:
      return phase === KIND.regional ? PHASE.flag : -1;
    case KIND.hangulVowel:
      return phase === KIND.hangulLead || phase === KIND.hangulVowel ? KIND.hangulVowel : -1;
    case KIND.hangulTail:
      return phase === KIND.hangulVowel || phase === KIND.hangulTail ? KIND.hangulTail : -1;
    default:
      return -1;
  }
}

/** The state of a cluster that a code point starts, by what is known of it. */
const starts = new Uint16Array(1 << INFO_BITS).map((_, info) =>
  stateOf(startPhase(kindOf(info)), columnsAlone(info), 0, 0),
);

/** Whether VS16 makes the cluster two columns wide. */
function isEmojiBase(phase: number): boolean {
  return phase === KIND.emojiText || phase === KIND.pictograph;
}

/** The state after `codePoint`, when `before` was the state. */
export function nextCluster(codePoint: number, before: ClusterState): ClusterState {
  if (codePoint <= LAST_ASCII) return ascii[codePoint] as number;
  const info = codePointInfo(codePoint);
  const kind = kindOf(info);
  if (kind < KIND.pictograph) return starts[info] as number;
  if (before !== NO_CLUSTER) {
    const phase = phaseOf(before);
    const joined = (before >> 8) + 1;
    const next = phaseJoined(phase, kind);
    if (next >= 0 && joined <= MAX_JOINED) {
      const widened = kind === KIND.emojiSelector && isEmojiBase(phase);
      const columns = widened || next === PHASE.flag ? 2 : clusterColumns(before);
      return stateOf(next, columns, joined, 1);
    }
  }
  return starts[info] as number;
}

/** A skin tone that stands alone is an emoji like others; what can only join and has nothing to join is joined by its like. */
function startPhase(kind: number): number {
  if (kind === KIND.skinTone) return KIND.pictograph;
  return kind === KIND.joiner || kind === KIND.emojiSelector || kind === KIND.invisible
    ? KIND.mark
    : kind;
}

const REPLACEMENT = '\ufffd';

/** Whether a code point may be the first, or only one, of a cell. */
export function mayStandAlone(codePoint: number): boolean {
  if (codePoint <= LAST_ASCII) return codePoint >= 0x20;
  const info = codePointInfo(codePoint);
  if (isRefused(info)) return false;
  const kind = kindOf(info);
  return (
    kind < KIND.mark || kind === KIND.skinTone || (kind >= KIND.regional && kind <= KIND.hangulTail)
  );
}

/**
 * A cluster as a cell may show it: nothing in it acts on a terminal, and nothing reaches out of it. A mark without a
 * letter, a control or a lone joiner becomes U+FFFD; what is invisible is left out.
 */
export function printableCluster(text: string): string {
  const first = text.codePointAt(0) ?? 0;
  if (!mayStandAlone(first)) return REPLACEMENT;
  // Letters of a flag's name, and only of a flag's.
  const isEmoji = kindOf(codePointInfo(first)) === KIND.pictograph;
  let kept = '';
  for (const character of text) {
    const info = codePointInfo(character.codePointAt(0) as number);
    const kind = kindOf(info);
    if (isRefused(info) || kind === KIND.invisible || (kind === KIND.tag && !isEmoji)) continue;
    kept += character;
  }
  return kept.replace(/[\u200c\u200d]+$/, '');
}

/** One cell, or two, of a text. */
export interface Cluster {
  readonly text: string;
  readonly columns: number;
}

/** Text cut into what shares a cell, as it is: nothing in it is made printable. */
export function splitClusters(text: string): Cluster[] {
  const found: { text: string; columns: number }[] = [];
  let state = NO_CLUSTER;
  for (const character of text) {
    state = nextCluster(character.codePointAt(0) as number, state);
    const last = found.at(-1);
    if (joins(state) && last !== undefined) {
      last.text += character;
      last.columns = clusterColumns(state);
    } else {
      found.push({ text: character, columns: clusterColumns(state) });
    }
  }
  return found;
}

/** Text as the cells that show it; made printable. */
export function clustersOf(text: string): Cluster[] {
  return splitClusters(text).map((cluster) => ({
    text: printableCluster(cluster.text),
    columns: cluster.columns,
  }));
}

/** Columns that a text takes. */
export function columnsOfText(text: string): number {
  return clustersOf(text).reduce((sum, { columns }) => sum + columns, 0);
}

/** Marks that some terminals give a column of their own. */
const SPACING_MARK = /[\p{Mc}\u0e33\u0eb3]/u;

/** The most columns that a text takes on a terminal that knows no clusters: each code point for itself. */
export function columnsApart(text: string): number {
  let columns = 0;
  for (const character of text) {
    const info = codePointInfo(character.codePointAt(0) as number);
    const kind = kindOf(info);
    if (kind === KIND.pictograph || kind === KIND.skinTone || kind === KIND.regional) columns += 2;
    else if (kind === KIND.mark) columns += SPACING_MARK.test(character) ? 1 : 0;
    else if (kind < KIND.pictograph || (kind >= KIND.hangulLead && kind <= KIND.hangulTail)) {
      columns += columnsAlone(info);
    }
  }
  return columns;
}
