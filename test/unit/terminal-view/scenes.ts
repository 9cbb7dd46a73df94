/** What may happen to a view: agents write, keys are pressed, the terminal is resized or takes less than it was given. */
import fc from 'fast-check';

export type Step =
  | { readonly type: 'write'; readonly pane: number; readonly text: string }
  | { readonly type: 'keys'; readonly text: string }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'panes'; readonly count: number; readonly state: number }
  /** A frame, of which the terminal takes pieces of so many bytes while other things go on. */
  | { readonly type: 'frame'; readonly pieceBytes: number };

const ESC = '\u001b';

/** Glyphs of which all emulators know the same width; cursor motions, colours, erasing, scrolling, modes. */
const output = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.string({ unit: fc.constantFrom(...'abc XYZ019.-é漢字─│'), maxLength: 60 }),
  },
  { weight: 3, arbitrary: fc.constantFrom('\r\n', '\n', '\r', '\t', '\b') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      `${ESC}[31m`,
      `${ESC}[1;4;38;5;200m`,
      `${ESC}[48;2;10;200;30m`,
      `${ESC}[7m`,
      `${ESC}[4:1;58:5:200m`,
      `${ESC}[4:3m`,
      `${ESC}[4:4m`,
      `${ESC}[4:5;58:5:9m`,
      `${ESC}[4:2;58:2::1:2:3m`,
      `${ESC}[24;59m`,
      `${ESC}]8;;https://example.org/a\u0007`,
      `${ESC}]8;id=x;https://example.org/b\u0007`,
      `${ESC}]8;;\u0007`,
      `${ESC}[m`,
      `${ESC}[2J`,
      `${ESC}[K`,
      `${ESC}[H`,
      `${ESC}[5;9H`,
      `${ESC}[3A`,
      `${ESC}[99;99H`,
      `${ESC}[2;6r`,
      `${ESC}[r`,
      `${ESC}[2L`,
      `${ESC}[?1049h`,
      `${ESC}[?1049l`,
      `${ESC}[?25l`,
      `${ESC}[?25h`,
      `${ESC}[?2026h`,
      `${ESC}[?2026l`,
      `${ESC}[3S`,
      `${ESC}[4P`,
      `${ESC}[4@`,
    ),
  },
  fc.constant('line\r\n'.repeat(30)),
);

/** Prefix and a command; keys for the agent; what the terminal answers. */
const keys = fc.constantFrom(
  '\u0007n',
  '\u0007p',
  '\u0007z',
  '\u0007g',
  '\u0007f',
  '\u0007 ',
  '\u0007?',
  '\u0007',
  'q',
  'x',
  '\u0007>',
  '\u0007<',
  '\u0007+',
  '\u0007-',
  '\u00073',
  '\u0007w',
  '\u0007x',
  '\u0007cnpm',
  '\u001b',
  '\r',
  '\u001b[I',
  '\u0007\u001b[B',
  '\u0007\u001b[C',
);

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.nat(11), fc.array(output, { minLength: 1, maxLength: 5 }))
        .map(([pane, parts]): Step => ({ type: 'write', pane, text: parts.join('') })),
    },
    { weight: 3, arbitrary: keys.map((text): Step => ({ type: 'keys', text })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: 2, max: 130 }), fc.integer({ min: 1, max: 40 }))
        .map(([columns, rows]): Step => ({ type: 'resize', columns, rows })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(12), fc.nat(4))
        .map(([count, state]): Step => ({ type: 'panes', count, state })),
    },
    {
      weight: 6,
      arbitrary: fc
        .constantFrom(1, 7, 100, 4000, 1_000_000)
        .map((pieceBytes): Step => ({ type: 'frame', pieceBytes })),
    },
  ),
  { minLength: 4, maxLength: 40 },
);
