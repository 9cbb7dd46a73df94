import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import {
  encodeManifest,
  parseManifest,
  type Manifest,
} from '../../../src/bus/directory/manifest.js';
import { isSluiceError, printable } from '../../../src/core/index.js';
import type { Format } from '../../../src/format/index.js';
import { instanceOf, sampleManifest } from './scratch.js';

type Json = Record<string, unknown>;

const FRAME: Partial<Manifest> = {
  kind: 'frame',
  layout: 'pool',
  slots: 8,
  slotBytes: 12_441_600,
  format: { kind: 'tensor', tensors: { data: { dtype: 'f32', shape: [64, 32_000] } } },
};

const DEVICE = { uuid: 'GPU-8f6c1a2e-3b4d-4c5e-9f70-0a1b2c3d4e5f', name: 'NVIDIA H200' };
const ON_GPU: Partial<Manifest> = { ...FRAME, memory: 'cuda:0', device: DEVICE };

function sampleJson(changes: Json = {}): Json {
  return { ...(JSON.parse(encodeManifest(sampleManifest())) as Json), ...changes };
}

/** `field` is the path in the error's details, `undefined` where another layer names it. */
function assertRefused(value: unknown, field: string | undefined, message = /./): void {
  assert.throws(
    () => parseManifest(value, 'manifest X', 'camera/door'),
    (error: unknown) => {
      assert.ok(isSluiceError(error, 'PROTOCOL'), String(error));
      if (field !== undefined) assert.equal(error.details['field'], field);
      assert.match(error.message, /^manifest X: /);
      assert.match(error.message, message);
      return true;
    },
  );
}

function assertFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  assert.ok(Object.isFrozen(value));
  Object.values(value).forEach(assertFrozen);
}

describe('a manifest as JSON', () => {
  it('comes back as it was, frozen to its depth', () => {
    const userData = { room: 'hall', tags: ['a', 1, null, true], deep: { er: { still: [0.5] } } };
    for (const changes of [{ userData }, FRAME, ON_GPU, { ...FRAME, device: DEVICE }]) {
      const manifest = sampleManifest(changes);
      const parsed = parseManifest(encodeManifest(manifest), 'test', 'camera/door');
      // Key by key, for `device` has a place of its own in the text.
      assert.deepEqual(JSON.parse(JSON.stringify(parsed)), JSON.parse(JSON.stringify(manifest)));
      assertFrozen(parsed);
    }
  });

  it('is readable text, and takes a parsed value as well', () => {
    const text = encodeManifest(sampleManifest());
    assert.match(text, /^\{\n {2}"protocol": 1,\n {2}"channel": "camera\/door",/);
    assert.deepEqual(parseManifest(JSON.parse(text), 'test'), parseManifest(text, 'test'));
  });

  it('counts nesting before it parses, so in values too that are replaced later', () => {
    const text = encodeManifest(sampleManifest());
    const within = text.replace('{', `{"x":${'['.repeat(7)}${']'.repeat(7)},"x":1,`);
    assert.equal(parseManifest(within, 'test').protocol, 1);
    assertRefused(text.replace('{', `{"x":${'['.repeat(8)}${']'.repeat(8)},"x":1,`), '');
    assertRefused('['.repeat(60_000), '');
  });

  it('leaves a schema behind', () => {
    const schema = { '~standard': { validate: (value: unknown) => ({ value }) } };
    const format: Format = { kind: 'json', schema };
    const text = encodeManifest(sampleManifest({ format }));
    assert.deepEqual((JSON.parse(text) as Json)['format'], { kind: 'json' });
  });

  it('ignores unknown keys', () => {
    const manifest = parseManifest(sampleJson({ future: { x: 1 }, __proto__: { y: 1 } }), 'test');
    assert.equal('future' in manifest, false);
    assert.equal('y' in manifest, false);
  });

  it('does not let foreign keys reach a prototype', () => {
    const text = JSON.stringify(sampleJson()).replace('"userData":{}', '"userData":{"a":{}}');
    const { userData } = parseManifest(text, 'test');
    assert.equal(Object.getPrototypeOf(userData), null);
    assert.equal(Object.getPrototypeOf(userData['a']), null);
    assertRefused(
      text.replace('{"a":{}}', '{"a":{"__proto__":{"admin":true}}}'),
      'userData.a.__proto__',
    );
  });

  it('needs every field in its type and range', () => {
    const wrong: readonly (readonly [string, readonly unknown[]])[] = [
      ['protocol', [undefined, 0, 2, '1', 1.5]],
      ['channel', [undefined, 7, '', 'Camera', '../x', 'a'.repeat(65), 'camera/yard']],
      ['kind', [undefined, 'frames', 1]],
      ['instance', [undefined, '', 'a'.repeat(31), 'A'.repeat(32), `${'a'.repeat(32)}\n`]],
      ['epoch', [undefined, -1, 0.5, 2 ** 32, '0', null]],
      ['memory', [undefined, 'cuda:0', 'disk']],
      ['layout', [undefined, 'pool', 'ring']],
      ['slots', [undefined, 0, -1, 2 ** 32, 1.5]],
      ['slotBytes', [undefined, 0, 2 ** 53, -64]],
      ['process', [undefined, null, [], 'node', 7]],
      ['createdNs', [undefined, -1, '5', 1e300]],
      ['userData', [null, [], 'text', 5]],
    ];
    for (const [field, values] of wrong) {
      for (const value of values) assertRefused(sampleJson({ [field]: value }), field);
    }
    const inProcess: readonly (readonly [string, readonly unknown[]])[] = [
      ['pid', [undefined, -1, 2 ** 31]],
      ['executable', [undefined, 5, 'x'.repeat(4097)]],
      ['label', [undefined, null, 'x'.repeat(129)]],
      ['uid', [undefined, -1, 2 ** 32]],
      ['startedAt', [undefined, 'yesterday', '2026-01-31 12:00:00', `2026-01-31T12:00:00Z\n`]],
      ['bootId', [undefined, '', 'a b', 'x'.repeat(65)]],
    ];
    const { process: sample } = sampleJson();
    for (const [field, values] of inProcess) {
      for (const value of values) {
        const changed = { ...(sample as Json), [field]: value };
        assertRefused(sampleJson({ process: changed }), `process.${field}`);
      }
    }
  });

  it('names the GPU of a frame channel', () => {
    const json = (changes: Json): Json => ({
      ...(JSON.parse(encodeManifest(sampleManifest(ON_GPU))) as Json),
      ...changes,
    });
    for (const memory of ['cuda:0', 'cuda:9999', 'host']) {
      assert.deepEqual(parseManifest(json({ memory }), 'test').device, DEVICE);
    }
    const wrong = [undefined, 'cuda', 'cuda:', 'cuda:-1', 'cuda:01', 'cuda:10000', 'cuda:GPU-8f6c'];
    for (const memory of [...wrong, 'cuda:0\n', 'disk', 0])
      assertRefused(json({ memory }), 'memory');
    for (const memory of ['cuda:0', 'host']) {
      for (const device of [null, [], 'GPU', 7]) assertRefused(json({ memory, device }), 'device');
      for (const uuid of [undefined, 7, '', '0', DEVICE.uuid.toUpperCase(), `${DEVICE.uuid}\n`]) {
        assertRefused(json({ memory, device: { ...DEVICE, uuid } }), 'device.uuid');
      }
      for (const name of [undefined, 7, 'x'.repeat(129)]) {
        assertRefused(json({ memory, device: { ...DEVICE, name } }), 'device.name');
      }
    }
    const name = '\u001b[2J'.padEnd(128, 'ü');
    assert.equal(parseManifest(json({ device: { ...DEVICE, name } }), 'test').device?.name, name);
    assert.deepEqual(parseManifest(json({ device: { ...DEVICE, more: 1 } }), 'x').device, DEVICE);
  });

  it('needs a GPU where the slots are in its memory, and nowhere else', () => {
    const { device: _, ...without } = JSON.parse(encodeManifest(sampleManifest(ON_GPU))) as Json;
    assertRefused(without, 'device', /must be an object/);
    assert.equal('device' in parseManifest({ ...without, memory: 'host' }, 'test'), false);
    // Of messages the key means nothing: a later version may say something by it.
    const message = parseManifest(sampleJson({ device: 7 }), 'test');
    assert.equal('device' in message, false);
    assert.throws(
      () => encodeManifest(sampleManifest({ ...FRAME, memory: 'cuda:0' })),
      (error: unknown) => error instanceof RangeError && /device/.test(error.message),
    );
  });

  it('needs kind, layout and format to agree, and sizes that can be multiplied', () => {
    assertRefused(sampleJson({ kind: 'frame' }), 'format.kind');
    assertRefused(sampleJson({ kind: 'frame', format: FRAME.format }), 'layout');
    assertRefused(sampleJson({ format: FRAME.format }), 'format.kind');
    assertRefused(sampleJson({ slots: 2 ** 31, slotBytes: 2 ** 40 }), 'slotBytes');
    assertRefused(sampleJson({ format: undefined }), undefined, /format/);
    assertRefused(sampleJson({ format: { kind: 'video', width: 1e9 } }), undefined, /format/);
  });

  it('refuses what is no JSON object, without quoting it', () => {
    for (const text of ['', '{', 'null', '[]', '7', '"x"', '\u001b[2J{']) {
      assertRefused(text, '');
      assert.throws(
        () => parseManifest(text, 'X'),
        (error: unknown) => error instanceof Error && !error.message.includes('\u001b'),
      );
    }
    for (const value of [null, undefined, [], 7]) assertRefused(value, '');
  });

  it('refuses deep nesting at once, and cycles', () => {
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    assertRefused(deep, '', /nests deeper than 8/);
    const seven = JSON.parse(`${'['.repeat(6)}${']'.repeat(6)}`) as unknown;
    assert.ok(parseManifest(sampleJson({ userData: { a: seven } }), 'test'));
    assertRefused(sampleJson({ userData: { a: [seven] } }), '', /nests deeper/);
    assertRefused(sampleJson({ unknown: { a: [seven] } }), '', /nests deeper/);
    const cycle: Json = sampleJson();
    cycle['self'] = cycle;
    assertRefused(cycle, '', /nests deeper/);
  });

  it('refuses more than 64 KiB, and more than 4 KiB of user data', () => {
    const padding = ' '.repeat(65_536 - JSON.stringify(sampleJson()).length);
    assert.ok(parseManifest(JSON.stringify(sampleJson()) + padding, 'test'));
    assertRefused(`${JSON.stringify(sampleJson())}${padding} `, '', /more than 65536 bytes/);
    // Two bytes a character: fewer than 65,536 characters.
    assertRefused(`"${'ü'.repeat(33_000)}"`, '', /more than 65536 bytes/);
    const fits = { text: 'x'.repeat(4096 - '{"text":""}'.length) };
    assert.ok(parseManifest(sampleJson({ userData: fits }), 'test'));
    assertRefused(sampleJson({ userData: { text: `${fits.text}x` } }), 'userData', /4097 bytes/);
  });

  it('writes numbers that JSON cannot hold for nobody', () => {
    assertRefused(`{"protocol":1e999}`, 'protocol');
    assertRefused(JSON.stringify(sampleJson()).replace('"epoch":0', '"epoch":1e999'), 'epoch');
    const text = JSON.stringify(sampleJson()).replace('"userData":{}', '"userData":{"x":1e999}');
    assertRefused(text, 'userData.x', /finite/);
  });

  it('shows foreign text harmlessly', () => {
    assertRefused(sampleJson({ kind: '\u001b]0;x\u0007\u202e' }), 'kind', /\\/);
    assert.throws(
      () => parseManifest(sampleJson({ userData: { '\u001b[2J': { y: Number.NaN } } }), 'X'),
      (error: unknown) => error instanceof Error && error.message === printable(error.message),
    );
  });
});

describe('encoding a manifest', () => {
  it('refuses user data that is no plain JSON, naming the place', () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [{ f: () => 1 }, /userData\.f must be plain JSON/],
      [{ a: [undefined] }, /userData\.a\[0\]/],
      [{ a: Array.from({ length: 1 }).concat(1).fill(Number.NaN) }, /finite/],
      [{ d: new Date(0) }, /plain object/],
      [{ big: 1n }, /plain JSON/],
      [[], /must be an object/],
      ['text', /must be an object/],
      [JSON.parse('{"__proto__":1}'), /__proto__/],
      [{ a: [[[[[[[0]]]]]]] }, /nests too deep/],
    ];
    for (const [userData, message] of wrong) {
      const manifest = sampleManifest({ userData: userData as Manifest['userData'] });
      assert.throws(
        () => encodeManifest(manifest),
        (error: unknown) => error instanceof TypeError && message.test(error.message),
      );
    }
    const elsewhere = vm.runInNewContext('({ a: [1, { b: 2 }] })') as Manifest['userData'];
    assert.ok(encodeManifest(sampleManifest({ userData: elsewhere })));
  });

  it('refuses too much', () => {
    const range = (changes: Partial<Manifest>, message: RegExp): void =>
      assert.throws(
        () => encodeManifest(sampleManifest(changes)),
        (error: unknown) => error instanceof RangeError && message.test(error.message),
      );
    range({ userData: { text: 'ü'.repeat(2100) } }, /userData has 42\d\d bytes/);
    range({ slots: 0 }, /cannot be announced: .*slots/);
    range({ instance: 'x' }, /instance/);
  });
});

describe('hostile manifests', () => {
  const HOSTILE = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      -0,
      -1,
      0.5,
      2 ** 31,
      2 ** 32,
      2 ** 53,
      1e308,
      '',
      '__proto__',
      'constructor',
      'x'.repeat(5000),
      '\u001b[2J\u202e\u0000',
      '\ud800',
      null,
      [],
      {},
      { length: 4294967295 },
      { __proto__: null, toString: 1, valueOf: 1, kind: 'video' },
      instanceOf('f'),
      'frame',
      'pool',
      'cuda:0',
      DEVICE.uuid,
      DEVICE,
    ),
  );

  /** Every place in the document, as a list of keys. */
  function places(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
    if (typeof value !== 'object' || value === null) return [path];
    const inner = Object.entries(value).flatMap(([key, entry]) => places(entry, [...path, key]));
    return [path, ...inner];
  }

  function replaceAt(document: Json, path: readonly string[], value: unknown): unknown {
    const [key, ...rest] = path;
    if (key === undefined) return value;
    const inner = document[key] as Json;
    const changed = rest.length === 0 ? value : replaceAt(inner, rest, value);
    if (Array.isArray(document))
      return document.map((entry, i) => (`${i}` === key ? changed : entry));
    return { ...document, [key]: changed };
  }

  const documents = [
    sampleManifest({ userData: { a: [1, { b: 'c' }] } }),
    sampleManifest(FRAME),
    sampleManifest(ON_GPU),
    sampleManifest({
      ...FRAME,
      format: { kind: 'video', width: 640, height: 480, pixelFormat: 'nv12' },
    }),
  ].map((manifest) => JSON.parse(encodeManifest(manifest)) as Json);
  const spots = documents.flatMap((document) =>
    places(document).map((path) => ({ document, path })),
  );

  /**
   * Either a PROTOCOL error with a harmless message, or a frozen manifest that survives a round
   * trip.
   */
  function assertHandled(value: unknown): 'accepted' | 'refused' {
    let manifest: Manifest;
    try {
      manifest = parseManifest(value, 'manifest X');
    } catch (error) {
      assert.ok(isSluiceError(error, 'PROTOCOL'), String(error));
      assert.equal(error.message, printable(error.message, error.message.length));
      return 'refused';
    }
    assertFrozen(manifest);
    // As text, for JSON knows no -0.
    const again = parseManifest(encodeManifest(manifest), 'again');
    assert.equal(JSON.stringify(again), JSON.stringify(manifest));
    return 'accepted';
  }

  it('with one or two fields replaced are refused or understood, never worse', () => {
    const seen = { accepted: 0, refused: 0 };
    const change = fc.tuple(fc.nat(spots.length - 1), HOSTILE);
    fc.assert(
      fc.property(change, fc.option(fc.tuple(fc.nat(), HOSTILE)), ([spot, value], second) => {
        const { document, path } = spots[spot] ?? { document: {}, path: [] };
        let changed = replaceAt(document, path, value);
        if (second !== null && typeof changed === 'object' && changed !== null) {
          const all = places(changed);
          changed = replaceAt(changed as Json, all[second[0] % all.length] ?? [], second[1]);
        }
        seen[assertHandled(changed)] += 1;
      }),
      { numRuns: 15_000 },
    );
    assert.ok(seen.accepted > 100 && seen.refused > 1000, JSON.stringify(seen));
  });

  it('that are arbitrary JSON or broken text are refused or understood, never worse', () => {
    const texts = documents.map((document) => JSON.stringify(document));
    const broken = fc
      .tuple(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.nat(6),
        fc.string({ maxLength: 6, unit: 'binary' }),
      )
      .map(([text, at, cut, inserted]) => {
        const start = at % text.length;
        return text.slice(0, start) + inserted + text.slice(start + cut);
      });
    fc.assert(
      fc.property(fc.oneof(broken, fc.json(), fc.jsonValue()), (value) => {
        assertHandled(value);
      }),
      { numRuns: 10_000 },
    );
  });
});
