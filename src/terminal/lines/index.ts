/** Lines mode: many agents as one stream of whole lines, each with a tag that none of them can forge. */
export { MergedLines, type MergedLinesOptions, type PromptRows } from './merged-lines.js';
export { MAX_NAME_COLUMNS } from './line-tag.js';
export { type PromptContent, promptRows } from './prompt-rows.js';
export { transcriptOf, type TranscriptPane } from './transcript.js';
