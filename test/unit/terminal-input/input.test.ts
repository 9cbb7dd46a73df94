import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  InputDecoder,
  type InputEvent,
  type MouseEvent,
  encodeKey,
  encodeMouse,
  encodePaste,
  keyName,
  keyOf,
  parseKeyName,
} from '../../../src/terminal/input/index.js';
import { PLAIN_MODES, anyKey, oldKey } from './key-arbitraries.js';

function decode(text: string | Uint8Array, cuts: readonly number[] = []): InputEvent[] {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const decoder = new InputDecoder();
  const events: InputEvent[] = [];
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  let from = 0;
  for (const to of places) {
    events.push(...decoder.feed(bytes.subarray(from, to)));
    from = to;
  }
  return [...events, ...decoder.timeout()];
}

function names(text: string): string[] {
  return decode(text).map((event) => (event.type === 'key' ? keyName(event.key) : event.type));
}

const cuts = fc.array(fc.nat(200), { maxLength: 6 });

describe('keys', () => {
  it('are told from bytes of every coding', () => {
    assert.deepEqual(names('a\u0001\u001bx\r\t\u007f\u0000é'), [
      'a',
      'C-a',
      'M-x',
      'Enter',
      'Tab',
      'Backspace',
      'C-Space',
      'é',
    ]);
    assert.deepEqual(names('\u001b[A\u001bOB\u001b[1;5C\u001b[3;2~\u001b[Z\u001b\u001b[A'), [
      'Up',
      'Down',
      'C-Right',
      'S-Delete',
      'S-Tab',
      'M-Up',
    ]);
    assert.deepEqual(names('\u001b[13;2u\u001b[97;5u\u001b[97:65;2u\u001b[27;2;13~\u001b[57414u'), [
      'S-Enter',
      'C-a',
      'A',
      'S-Enter',
      'Enter',
    ]);
    assert.deepEqual(names('\u001b[[A\u001bOp\u001b[15~\u001b[24;3~'), ['F1', '0', 'F5', 'M-F12']);
  });

  it('are a lone ESC only when nothing follows', () => {
    assert.deepEqual(names('\u001b'), ['Escape']);
    assert.deepEqual(names('\u001b\u001b'), ['M-Escape']);
    assert.deepEqual(names('\u001b['), ['M-[']);
    assert.deepEqual(names('\u001bO'), ['M-O']);
    assert.deepEqual(names('\u001b]'), ['M-]']);
    const decoder = new InputDecoder();
    assert.deepEqual(decoder.feed(Buffer.from('\u001b')), []);
    assert.equal(decoder.pending, true);
    assert.equal(decoder.feed(Buffer.from('[A')).length, 1);
    assert.equal(decoder.pending, false);
  });

  it('are not made of the rest of a sequence or a character that was late', () => {
    for (const [text, certainFrom] of [
      ['\u001b[<32;120;40M', 3],
      ['\u001b[?2026;2$y', 3],
      ['\u001b[97;5u', 3],
      ['漢', 1],
      ['🙂', 1],
    ] as const) {
      const bytes = Buffer.from(text);
      for (let cut: number = certainFrom; cut < bytes.length; cut += 1) {
        const decoder = new InputDecoder();
        assert.deepEqual(decoder.feed(bytes.subarray(0, cut)), []);
        assert.equal(decoder.pending, false);
        assert.deepEqual(decoder.timeout(), []);
        assert.deepEqual(decoder.feed(bytes.subarray(cut)), decode(text), text);
      }
    }
  });

  it('are not made of what the terminal answers', () => {
    assert.deepEqual(
      decode(
        '\u001b[?2026;2$y\u001b[?1u\u001b[?62;22c\u001b]11;rgb:0/0/0\u001b\\\u001bP>|x\u001b\\',
      ).map((event) => (event.type === 'reply' ? event.about : event.type)),
      ['mode', 'keyboard', 'attributes', 'other', 'other'],
    );
    assert.deepEqual(names('\u001b[I\u001b[O'), ['focus', 'focus']);
  });

  it('come back from the bytes that a program would get, in the kitty protocol', () => {
    const modes = { ...PLAIN_MODES, kittyKeyboardFlags: 1 };
    fc.assert(
      fc.property(fc.array(anyKey, { maxLength: 8 }), cuts, (keys, places) => {
        const text = keys.map((key) => encodeKey(key, modes)).join('');
        const found = decode(text, places);
        assert.deepEqual(
          found.map((event) => (event.type === 'key' ? keyName(event.key) : event.type)),
          keys.map(keyName),
        );
      }),
      { seed: 20_260_110, numRuns: 2000 },
    );
  });

  it('come back in the old coding too, where it can tell them', () => {
    fc.assert(
      fc.property(
        fc.array(oldKey, { maxLength: 8 }),
        fc.boolean(),
        cuts,
        (keys, application, places) => {
          const modes = { ...PLAIN_MODES, applicationCursorKeys: application };
          const text = keys.map((key) => encodeKey(key, modes)).join('');
          const found = decode(text, places);
          assert.deepEqual(
            found.map((event) => (event.type === 'key' ? keyName(event.key) : event.type)),
            keys.map(keyName),
          );
        },
      ),
      { seed: 20_260_111, numRuns: 2000 },
    );
  });

  it('keep Shift+Enter apart for a program that asked for it, and only there', () => {
    const key = keyOf('Enter', { shift: true });
    assert.equal(encodeKey(key, PLAIN_MODES), '\r');
    assert.equal(encodeKey(key, { ...PLAIN_MODES, kittyKeyboardFlags: 1 }), '\u001b[13;2u');
    assert.equal(encodeKey(key, { ...PLAIN_MODES, modifyOtherKeys: 1 }), '\u001b[27;2;13~');
  });

  it('have an F3 that is no cursor position, for a program that speaks the kitty protocol', () => {
    const modes = { ...PLAIN_MODES, kittyKeyboardFlags: 1 };
    const encoded = [{}, { shift: true }, { ctrl: true }].map((pressed) =>
      encodeKey(keyOf('F3', pressed), modes),
    );
    assert.deepEqual(encoded, ['\u001b[13~', '\u001b[13;2~', '\u001b[13;5~']);
    assert.equal(encodeKey(keyOf('F3', { shift: true }), PLAIN_MODES), '\u001b[1;2R');
  });

  it('have names that configuration gives back', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        assert.equal(keyName(parseKeyName(keyName(key))), keyName(key));
      }),
      { seed: 20_260_112, numRuns: 500 },
    );
    assert.equal(keyName(parseKeyName('c-G')), 'C-g');
    for (const wrong of ['', 'C-', 'Entr', 'ab', '\u0007']) {
      assert.throws(() => parseKeyName(wrong), RangeError, wrong);
    }
  });

  it('survive any bytes: the state is bounded and what follows is understood', () => {
    const bytes = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(bytes, (garbage) => {
        const decoder = new InputDecoder();
        decoder.feed(garbage);
        decoder.timeout();
        // A paste that was begun goes on until it ends.
        decoder.feed(Buffer.from('\u001b[201~'));
        decoder.timeout();
        const [event] = decoder.feed(Buffer.from('q'));
        assert.equal(event?.type === 'key' ? keyName(event.key) : undefined, 'q');
      }),
      { seed: 20_260_113, numRuns: 2000 },
    );
  });
});

describe('a paste', () => {
  it('is one event, cut anywhere, and no end of it can be pasted', () => {
    const part = fc.constantFrom(
      'text',
      '\n',
      '\u001b[201~',
      '\u001b[20',
      '1~',
      '\u001b',
      '\u009b201~',
      '漢',
      '\r\n',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), cuts, (parts, places) => {
        const modes = { ...PLAIN_MODES, bracketedPaste: true };
        const bytes = encodePaste(parts.join(''), modes);
        const events = decode(bytes, places);
        assert.equal(events.length, 1);
        const [event] = events;
        assert.ok(event?.type === 'paste');
        assert.doesNotMatch(event.text, /[\u001b\u009b\n]/);
      }),
      { seed: 20_260_114, numRuns: 1000 },
    );
    assert.equal(encodePaste('a\nb\u001b[201~c', PLAIN_MODES), 'a\rbc');
  });

  it('keeps so much and says that the rest is missing', () => {
    const decoder = new InputDecoder();
    decoder.feed(Buffer.from('\u001b[200~'));
    for (let piece = 0; piece < 10; piece += 1) decoder.feed(Buffer.alloc(1024 * 1024, 'x'));
    const [event] = decoder.feed(Buffer.from('\u001b[201~'));
    assert.ok(event?.type === 'paste' && event.truncated);
    assert.equal(event.text.length, 8 * 1024 * 1024);
  });
});

describe('the mouse', () => {
  it('comes back from the form of mode 1006', () => {
    const event = fc.record({
      action: fc.constantFrom<MouseEvent['action'][]>(
        'press',
        'release',
        'drag',
        'wheel-up',
        'wheel-down',
      ),
      button: fc.constantFrom<MouseEvent['button'][]>('left', 'middle', 'right'),
      column: fc.nat(500),
      row: fc.nat(200),
      ctrl: fc.boolean(),
      alt: fc.boolean(),
      shift: fc.boolean(),
    });
    fc.assert(
      fc.property(event, (given) => {
        const wheel = given.action.startsWith('wheel');
        const sent: MouseEvent = { type: 'mouse', ...given, button: wheel ? 'none' : given.button };
        const bytes = encodeMouse(sent, { ...PLAIN_MODES, mouse: 'any', mouseSgr: true });
        assert.ok(bytes !== undefined);
        assert.deepEqual(decode(bytes), [sent]);
      }),
      { seed: 20_260_115, numRuns: 1000 },
    );
  });

  it('is told to a program only as far as it asked', () => {
    const drag: MouseEvent = {
      type: 'mouse',
      action: 'drag',
      button: 'left',
      column: 300,
      row: 1,
      ctrl: false,
      alt: false,
      shift: false,
    };
    assert.equal(encodeMouse(drag, { ...PLAIN_MODES, mouse: 'press', mouseSgr: true }), undefined);
    assert.equal(encodeMouse(drag, { ...PLAIN_MODES, mouse: 'drag' }), undefined, 'too far right');
    assert.deepEqual(
      encodeMouse({ ...drag, action: 'press', column: 200 }, { ...PLAIN_MODES, mouse: 'x10' }),
      Uint8Array.of(0x1b, 0x5b, 0x4d, 32, 233, 34),
    );
  });
});
