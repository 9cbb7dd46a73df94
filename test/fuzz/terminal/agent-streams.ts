import fc from 'fast-check';

/** A piece of what a program writes, and what stands in its place where links are shown as colours. */
export interface Token {
  readonly bytes: Uint8Array;
  /** Colours left out, links as a palette colour: cells then tell their link by their foreground. */
  readonly asColor: string;
}

const encoder = new TextEncoder();

function token(text: string, asColor = text): Token {
  return { bytes: encoder.encode(text), asColor };
}

const ESC = '\u001b';
const CSI = `${ESC}[`;

const words = [
  'a',
  'hello',
  '$ npm test',
  'é',
  'e\u0301\u0302',
  '中文',
  'ｗ',
  '한글',
  '\u1112\u1161\u11ab',
  '👍',
  '👍🏽',
  '👨‍👩‍👧',
  '🇫🇷',
  '🇫',
  '❤️',
  '1️⃣',
  '│─┼',
  'नमस्ते',
  'ก็',
  '\u0301',
  'a\u200bb',
  '\u202eevil',
  '\ufeff',
  '\ufe0f',
  '\u200d',
  '✳︎',
  '\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}',
  `z${'\u0301'.repeat(30)}`,
];

const text = fc
  .constantFrom(...words, ' ', 'longer than a row of the smallest pane')
  .map((w) => token(w));

const controls = fc
  .constantFrom('\r\n', '\n', '\r', '\t', '\b', '\u000b', '\u000e', '\u000f', '\u0000', '\u007f')
  .map((control) => token(control));

const number = fc.oneof(fc.nat(12), fc.nat(90), fc.constantFrom(0, 1, 999, 65_536, 2 ** 31));

/** Of what the emulator alone carries out so often: bounded in a screen, for hours in the other. */
const count = fc.oneof(fc.nat(12), fc.nat(90));

const colorParameters = fc.oneof(
  fc.constantFrom('', '0', '1', '2', '3', '4', '5', '7', '8', '9', '21', '22', '23', '24', '25'),
  fc.constantFrom('27', '28', '29', '39', '49', '53', '55', '59', '4:0', '4:2', '4:3', '4:5'),
  fc.nat(107).map(String),
  fc.nat(255).map((n) => `38;5;${n}`),
  fc.nat(255).map((n) => `48:5:${n}`),
  fc.tuple(fc.nat(255), fc.nat(255)).map(([r, b]) => `38;2;${r};0;${b}`),
  fc.tuple(fc.nat(255), fc.nat(255)).map(([r, b]) => `48:2::${r}:9:${b}`),
  fc.nat(255).map((n) => `58:5:${n}`),
);

const colors = fc
  .array(colorParameters, { minLength: 1, maxLength: 4 })
  .map((parameters) => token(`${CSI}${parameters.join(';')}m`, `${CSI}22m`));

const movements = fc
  .tuple(fc.constantFrom(...'ABCDEFG`adef'), number)
  .map(([final, n]) => token(`${CSI}${n}${final}`));
const positions = fc.tuple(number, number).map(([row, column]) => token(`${CSI}${row};${column}H`));
const editing = fc
  .tuple(fc.constantFrom(...'KXLMPST@IZb', ' @', ' A', "'}", "'~"), count)
  .map(([final, n]) => token(`${CSI}${n}${final}`));
/** Without CSI 1 J: the emulator alone fails at it with the cursor in the last cell. */
const erasing = fc
  .tuple(fc.constantFrom('', '?'), fc.constantFrom('0J', '2J', '3J', '0K', '1K', '2K'))
  .map(([prefix, what]) => token(`${CSI}${prefix}${what}`));
const regions = fc.tuple(fc.nat(8), fc.nat(14)).map(([top, end]) => token(`${CSI}${top};${end}r`));
const modes = fc
  .tuple(fc.constantFrom('?6', '?7', '?7', '?45', '4', '?25', '?1', '?2004'), fc.boolean())
  .map(([mode, on]) => token(`${CSI}${mode}${on ? 'h' : 'l'}`));
const tabs = fc.constantFrom(`${ESC}H`, `${CSI}g`, `${CSI}3g`).map((sequence) => token(sequence));
const indexes = fc
  .constantFrom(`${ESC}D`, `${ESC}E`, `${ESC}M`, `${ESC}M`, `${ESC}7`, `${CSI}s`, `${ESC}=`)
  .map((sequence) => token(sequence));
const charsets = fc
  .constantFrom(`${ESC}(0`, `${ESC}(B`, `${ESC})0`, `${ESC}n`)
  .map((sequence) => token(sequence));
const alternates = fc
  .tuple(fc.constantFrom('1049', '47', '1047', '1048'), fc.boolean())
  .map(([mode, on]) => {
    const sequence = `${CSI}?${mode}${on ? 'h' : 'l'}`;
    return token(
      sequence,
      on || mode === '47' || mode === '1047' ? sequence : `${sequence}${CSI}39m`,
    );
  });
const restores = fc
  .constantFrom(`${ESC}8`, `${CSI}u`)
  .map((sequence) => token(sequence, `${sequence}${CSI}39m`));
const resets = fc.constantFrom(`${ESC}c`, `${CSI}!p`).map((sequence) => token(sequence));

export const MAX_LINK = 200;

/** The address that stands for palette colour `number`. */
export function linkAddress(link: number): string {
  return `https://example.org/${link}`;
}

const links = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: MAX_LINK }), fc.constantFrom('', 'id=a', 'x=y:id=b:'))
    .map(([link, parameters]) =>
      token(`${ESC}]8;${parameters};${linkAddress(link)}\u0007`, `${CSI}38;5;${link}m`),
    ),
  fc
    .constantFrom(`${ESC}]8;;\u0007`, `${ESC}]8;;file:///x${ESC}\\`, `${ESC}]8;;javascript:x\u0007`)
    .map((sequence) => token(sequence, `${CSI}39m`)),
);

const strings = fc
  .constantFrom(
    `${ESC}]0;title\u0007`,
    `${ESC}]2;中文 title${ESC}\\`,
    `${ESC}]4;1;#ff0000\u0007`,
    `${ESC}]9;done\u0007`,
    `${ESC}]133;A\u0007`,
    `${ESC}]52;c;aGk=\u0007`,
    `${ESC}]1337;File=:AAAA\u0007`,
    `${ESC}P$qm${ESC}\\`,
    `${ESC}P1;2|17/ab${ESC}\\`,
    `${ESC}_Gf=100;AAAA${ESC}\\`,
    `${ESC}^private${ESC}\\`,
    `${ESC}Xstart${ESC}\\`,
    `${CSI}?u`,
    `${CSI}>5u`,
    `${CSI}c`,
    `${CSI}6n`,
  )
  .map((sequence) => token(sequence));

/** Always ended: the picture of an update that was not ended is the one before it. */
const updates = text.map(({ asColor }) => token(`${CSI}?2026h${asColor}${CSI}?2026l`));

const repeated: readonly fc.WeightedArbitrary<Token>[] = [
  { weight: 8, arbitrary: text },
  { weight: 5, arbitrary: controls },
  { weight: 4, arbitrary: colors },
  { weight: 2, arbitrary: movements },
  { weight: 2, arbitrary: positions },
  { weight: 2, arbitrary: editing },
  { weight: 1, arbitrary: erasing },
  { weight: 1, arbitrary: regions },
  { weight: 1, arbitrary: modes },
  { weight: 1, arbitrary: tabs },
  { weight: 1, arbitrary: indexes },
  { weight: 1, arbitrary: charsets },
  { weight: 1, arbitrary: alternates },
  { weight: 1, arbitrary: restores },
  { weight: 2, arbitrary: links },
  { weight: 1, arbitrary: strings },
  { weight: 1, arbitrary: updates },
];

/** Sequences as programs write them, whole. */
export const orderlyToken: fc.Arbitrary<Token> = fc.oneof(...repeated, {
  weight: 1,
  arbitrary: fc.oneof({ weight: 9, arbitrary: text }, { weight: 1, arbitrary: resets }),
});

/** Bytes that are no UTF-8, sequences without an end, controls in the middle of others. */
const broken: fc.Arbitrary<Token> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => ({ bytes, asColor: '' })),
  fc
    .constantFrom(
      ESC,
      CSI,
      `${CSI}?`,
      `${CSI}38;5;`,
      `${CSI}1;2\r3H`,
      `${CSI}12\u0018A`,
      `${ESC}]8;;https://example.org/`,
      `${ESC}]0;never ended`,
      `${ESC}P+q`,
      `${ESC}_`,
      '\u009b31m',
      '\u0090',
      '\u001a',
      `${CSI}${'1;'.repeat(60)}m`,
      `${CSI}4:3:2:1:9:9m`,
      `${CSI}38:2:1:2m`,
      `${ESC}(`,
      `${ESC}#8`,
    )
    .map((sequence) => token(sequence)),
);

/** The same, with an unruly agent among them. */
export const hostileToken: fc.Arbitrary<Token> = fc.oneof(
  { weight: 10, arbitrary: orderlyToken },
  { weight: 2, arbitrary: broken },
);

export function bytesOf(tokens: readonly Token[]): Uint8Array {
  return new Uint8Array(Buffer.concat(tokens.map(({ bytes }) => bytes)));
}
