import { eastAsianWidth } from 'get-east-asian-width';

/** What a code point does to the cluster before it. */
export const KIND = {
  /** Starts a cluster of its own. */
  other: 0,
  /** Starts one, and may be shown as an emoji: VS16 makes it two columns wide. */
  emojiText: 1,
  /** An emoji: a skin tone may follow, or a joiner and another emoji. */
  pictograph: 2,
  /** An accent or another mark: joins whatever stands before it. */
  mark: 3,
  joiner: 4,
  /** U+FE0F. */
  emojiSelector: 5,
  /** Joins an emoji, stands for itself otherwise. */
  skinTone: 6,
  /** Letters of flags: two and two. */
  regional: 7,
  hangulLead: 8,
  hangulVowel: 9,
  hangulTail: 10,
  /** Letters of the names of flags of regions: join an emoji. */
  tag: 11,
  /** Acts on text without being seen (direction, word joiner, soft hyphen): takes no column, and is not kept. */
  invisible: 12,
} as const;

const INVISIBLE =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e001f}]/u;
const MARK = /[\p{Mn}\p{Me}\p{Mc}\p{Grapheme_Extend}\u0e33\u0eb3]/u;
const PICTOGRAPH = /\p{Extended_Pictographic}/u;
const EMOJI = /\p{Emoji}/u;
const NONCHARACTER = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

function kindByProperties(codePoint: number): number {
  if (codePoint === 0x200d) return KIND.joiner;
  if (codePoint === 0xfe0f) return KIND.emojiSelector;
  if (codePoint >= 0x1_f3fb && codePoint <= 0x1_f3ff) return KIND.skinTone;
  if (codePoint >= 0x1_f1e6 && codePoint <= 0x1_f1ff) return KIND.regional;
  if (codePoint >= 0xe_0020 && codePoint <= 0xe_007f) return KIND.tag;
  if (codePoint >= 0x1100 && codePoint <= 0x115f) return KIND.hangulLead;
  if (codePoint >= 0x1160 && codePoint <= 0x11a7) return KIND.hangulVowel;
  if (codePoint >= 0x11a8 && codePoint <= 0x11ff) return KIND.hangulTail;
  const text = String.fromCodePoint(codePoint);
  if (INVISIBLE.test(text)) return KIND.invisible;
  if (MARK.test(text)) return KIND.mark;
  if (PICTOGRAPH.test(text)) return KIND.pictograph;
  return EMOJI.test(text) ? KIND.emojiText : KIND.other;
}

/**
 * ```
 * bits 0-3  kind
 * bits 4-5  columns it takes by itself: 1 or 2
 * bit 6     may not stand in a cell: a control, a lone surrogate, no character
 * ```
 */
function describe(codePoint: number): number {
  const refused = NONCHARACTER.test(String.fromCodePoint(codePoint)) ? 1 : 0;
  return kindByProperties(codePoint) | (eastAsianWidth(codePoint) << 4) | (refused << 6);
}

/** Of what `describe` packs. */
export const INFO_BITS = 7;

const PAGE_BITS = 8;
const PAGE_SIZE = 1 << PAGE_BITS;
const pages: (Uint8Array | undefined)[] = new Array<undefined>(0x11_0000 >> PAGE_BITS);

/** Pages are made when a first of their code points is asked for: few texts need more than ten. */
function makePage(page: number): Uint8Array {
  const made = new Uint8Array(PAGE_SIZE);
  for (let index = 0; index < PAGE_SIZE; index += 1) {
    made[index] = describe((page << PAGE_BITS) | index);
  }
  pages[page] = made;
  return made;
}

/** What is known of a code point (0 to 0x10FFFF), as `describe` packs it. */
export function codePointInfo(codePoint: number): number {
  const page = codePoint >> PAGE_BITS;
  return (pages[page] ?? makePage(page))[codePoint & (PAGE_SIZE - 1)] as number;
}

export function kindOf(info: number): number {
  return info & 0xf;
}

/** 1 or 2. */
export function columnsAlone(info: number): number {
  return (info >> 4) & 3;
}

export function isRefused(info: number): boolean {
  return (info & 0x40) !== 0;
}
