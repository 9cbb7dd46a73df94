import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../../../src/cli/command-list.js';
import { plainArguments } from '../../../src/cli/commands/ls.js';
import { buildProgram, type Start } from '../../../src/cli/program.js';
import type { CommonOptions } from '../../../src/cli/run.js';

const NOTHING: Start = () => Promise.resolve();

/** The words of a line as a shell makes them, where quotes are single ones around a whole word. */
function wordsOf(line: string): readonly string[] {
  return line.split(' ').map((word) => word.replaceAll("'", ''));
}

/** The `sluice` part of a line with pipes. */
function sluiceWords(line: string): readonly string[] {
  const part = line.split(' | ').find((piece) => piece.startsWith('sluice '));
  assert.ok(part !== undefined, line);
  return wordsOf(part).slice(1);
}

describe('commands', () => {
  for (const { name, load } of COMMANDS) {
    it(`${name} has a help text with examples that its parser takes`, async () => {
      const { EXAMPLES } = await load();
      assert.ok(EXAMPLES.length > 0);
      for (const example of EXAMPLES) {
        const words = sluiceWords(example);
        let started = 0;
        const program = await buildProgram(words[0], () => {
          started += 1;
          return Promise.resolve();
        });
        if (!words.includes('--help')) {
          await program.parseAsync(words, { from: 'user' });
          assert.equal(started, 1, example);
        }
      }
      const program = await buildProgram(name, NOTHING);
      const command = program.commands.find((entry) => entry.name() === name);
      assert.ok(command !== undefined);
      let shown = '';
      command.configureOutput({ writeOut: (piece) => (shown += piece) }).outputHelp();
      for (const example of EXAMPLES) assert.ok(shown.includes(example), example);
    });
  }

  it('gives every command but help the same common options', async () => {
    for (const { name } of COMMANDS) {
      if (name === 'help') continue;
      const program = await buildProgram(name, NOTHING);
      const command = program.commands.find((entry) => entry.name() === name);
      // A command that has commands of its own leaves the options to them.
      const own = command?.commands ?? [];
      for (const each of own.length > 0 ? own : [command]) {
        const flags = each?.options.map(({ flags: text }) => text) ?? [];
        for (const flag of ['--json', '--dir <path>', '-q, --quiet']) {
          assert.ok(flags.includes(flag), `${name} ${each?.name()} ${flag}`);
        }
      }
    }
  });
});

describe('the short way of ls', () => {
  const plain: readonly (readonly string[])[] = [
    [],
    ['camera/*'],
    ['--json'],
    ['-q', '--dir', '/tmp/x', 'a/b'],
    ['a', '--quiet'],
  ];

  for (const words of plain) {
    it(`understands as the parser does: ls ${words.join(' ')}`, async () => {
      const short = plainArguments(words);
      assert.ok(short !== undefined);
      let parsed: CommonOptions | undefined;
      const program = await buildProgram('ls', (options) => {
        parsed = options;
        return Promise.resolve();
      });
      await program.parseAsync(['ls', ...words], { from: 'user' });
      assert.deepEqual({ ...parsed }, short.options);
      const command = program.commands.find((entry) => entry.name() === 'ls');
      assert.equal(command?.args[0], short.pattern);
    });
  }

  it('leaves everything else to the parser', () => {
    const others = [['--help'], ['--bogus'], ['a', 'b'], ['--dir'], ['--dir=/tmp'], ['-'], ['']];
    for (const words of others) assert.equal(plainArguments(words), undefined, words.join(' '));
  });

  it('loads neither the parser nor foreign functions, and few files', () => {
    const cli = fileURLToPath(new URL('../../../src/cli/', import.meta.url));
    const seen = new Set<string>();
    const packages = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const imports = /^(?:import|export)\s[^'"]*?from\s*'([^']+)'|^import\s*'([^']+)'/gm;
      for (const [, from, bare] of readFileSync(file, 'utf8').matchAll(imports)) {
        const specifier = from ?? bare ?? '';
        if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier));
        else if (!specifier.startsWith('node:')) packages.add(specifier);
      }
    };
    for (const file of [
      'main.js',
      'commands/ls.js',
      'foreign-stats.js',
      '../bus/transport/observer.js',
    ]) {
      visit(resolve(cli, file));
    }
    assert.deepEqual([...packages], []);
    const foreign = [...seen].filter((file) => file.includes('/src/ffi/'));
    assert.deepEqual(foreign, []);
    // Each file costs about half a millisecond.
    assert.ok(seen.size <= 50, `${seen.size} files`);
  });
});
