/** Real programs with a user at their keys: what the captures in `test/fuzz/terminal/captures` are made of. */

/** Something a user does, once the screen shows what they waited for. */
export interface UserStep {
  /** What has to be seen first. */
  readonly shows?: RegExp;
  readonly keys?: string;
  readonly size?: { readonly columns: number; readonly rows: number };
}

export interface CapturedProgram {
  readonly name: string;
  /** What has to be on the PATH. */
  readonly needs: readonly string[];
  /** Files in its directory, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Run by sh before, in the same directory, seen by nobody. */
  readonly prepare?: string;
  /** Run by sh. `$SERVER`: an address that sends slowly. */
  readonly command: string;
  readonly steps: readonly UserStep[];
}

const ESC = '\u001b';
const DOWN = `${ESC}OB`;
const PAGE_DOWN = `${ESC}[6~`;
const F10 = `${ESC}[21~`;

const SOURCE = Array.from(
  { length: 60 },
  (_, line) =>
    `/* ${line} — Größe, 漢字, ▶ */\nstatic const char *line_${line} = "text\\t%d\\n"; // ${'x'.repeat(line)}\n`,
).join('');

const COLORED = Array.from(
  { length: 120 },
  (_, line) =>
    `${ESC}[3${line % 8}m${line} ${ESC}[1mbold ${ESC}[4mlined${ESC}[0m ${ESC}[48;5;${line}m  ${ESC}[m 漢字 é ${'word '.repeat(line % 30)}\n`,
).join('');

const GIT = 'git -c user.name=Test -c user.email=test@example.org -c init.defaultBranch=main';
const REPOSITORY = `
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
${GIT} init -q one && cd one
for i in $(seq 30); do
  for j in $(seq 40); do echo "$i $j word" >> file$((j % 7)).txt; done
  ${GIT} add . && ${GIT} commit -qm "commit $i: what changed and why"
  [ $i = 10 ] && ${GIT} checkout -qb side
  [ $i = 20 ] && ${GIT} checkout -q main && ${GIT} merge -q --no-ff -m 'merge side' side
done
${GIT} checkout -qb topic HEAD~8
for i in 1 2 3 4; do echo $i > topic$i && ${GIT} add . && ${GIT} commit -qm "topic $i"; done
sed -i 's/3 word/three words/' file3.txt
true`;

/** Sizes change in alternate screens only: the lines of a main one each emulator wraps anew by rules of its own. */
export const CAPTURED_PROGRAMS: readonly CapturedProgram[] = [
  {
    name: 'vim',
    needs: ['vim'],
    files: { 'code.c': SOURCE },
    command: `vim -N -u NONE -i NONE -n --cmd 'filetype on | syntax on | set ruler number showcmd laststatus=2 hlsearch incsearch' code.c`,
    steps: [
      { shows: /line_0[^]*Top/, keys: '\u0004\u0004' },
      { shows: /line_15/, keys: '/line_4\r' },
      { shows: /line_40/, keys: `onew text, wide 漢字 é${ESC}` },
      { shows: /new text/, keys: ':vsplit | split\r' },
      { shows: /code\.c[^]*code\.c[^]*code\.c/, keys: 'GV10k>' },
      { shows: /ed 1 time/, keys: 'ggdd5xu', size: { columns: 60, rows: 18 } },
      { keys: ':set list | only\r' },
      { shows: /\$/, keys: ':%s/const/CONST/g\r' },
      { shows: /substitutions/, keys: ':terminal ++close ls -l --color=always\r' },
      { keys: ':qa!\r' },
    ],
  },
  {
    name: 'less',
    needs: ['less'],
    files: { text: COLORED },
    command: 'less -R -S -M text; less -R text',
    steps: [
      { shows: /lines 1-/, keys: ' ' },
      { shows: /lines 24-/, keys: '/bold\r' },
      { keys: 'nnN' },
      { keys: `${ESC}[C`, size: { columns: 50, rows: 12 } },
      { keys: 'Gkkkb' },
      { shows: /lines \d+-\d+/, keys: 'q' },
      { shows: /^text$/m, keys: '   d' },
      { keys: 'gjjjj&lined\r' },
      { keys: 'q' },
    ],
  },
  {
    name: 'git-log',
    needs: ['git', 'less'],
    prepare: REPOSITORY,
    command: `cd one && export GIT_PAGER='less -R' && ${GIT} log --graph --all --decorate --color=always --stat && ${GIT} diff --color=always --word-diff && ${GIT} show --color=always --color-words HEAD`,
    steps: [
      { shows: /^:$/m, keys: '  ' },
      { shows: /^:$/m, keys: `${PAGE_DOWN}${DOWN}${DOWN}G` },
      { shows: /END/, keys: 'q' },
      { shows: /three words/, keys: ' q' },
      { shows: /topic/, keys: ' q' },
    ],
  },
  {
    name: 'git-progress',
    needs: ['git'],
    prepare: REPOSITORY,
    command: `cd one && ${GIT} stash -q && ${GIT} rebase --no-ff HEAD~6 && ${GIT} rebase main && ${GIT} fsck --progress && ${GIT} repack -a -d -f && ${GIT} clone --progress --no-local . ../two && ${GIT} status && ${GIT} branch -vva`,
    steps: [],
  },
  {
    name: 'npm',
    needs: ['npm'],
    files: {
      'package.json':
        '{"name":"one","version":"1.0.0","scripts":{"build":"printf \\"\\\\033[32mdone\\\\033[0m\\\\n\\""},"dependencies":{"two":"file:./two"}}',
      'two/package.json': '{"name":"two","version":"1.0.0","scripts":{"postinstall":"sleep 0.4"}}',
    },
    command:
      'npm install --offline --no-audit --no-fund --progress=true; npm run build; npm run nothing; npm ls --color=always; true',
    steps: [],
  },
  {
    name: 'curl',
    needs: ['curl'],
    command: 'curl -# -o one "$SERVER"; curl -o two "$SERVER"',
    steps: [],
  },
  {
    name: 'wget',
    needs: ['wget'],
    command: 'wget --progress=bar:force -O one "$SERVER"; wget -q --show-progress -O two "$SERVER"',
    steps: [],
  },
  {
    name: 'top',
    needs: ['top'],
    command: 'top -d 0.2 -n 12',
    steps: [
      { shows: /PID/, keys: 'zxc' },
      { shows: /COMMAND/, keys: '1tm' },
      { keys: 'fq' },
      { keys: 'h' },
      { keys: 'q' },
    ],
  },
  {
    name: 'htop',
    needs: ['htop'],
    command: 'htop -d 2',
    steps: [
      { shows: /F10/, keys: `${DOWN}${DOWN}t` },
      { shows: /F10/, keys: `${ESC}OQ` },
      { keys: `${ESC}[20~${ESC}`, size: { columns: 100, rows: 20 } },
      { keys: '/top\r' },
      { keys: `${ESC}h` },
      { keys: ' ' },
      { shows: /F10/, keys: 'q' },
    ],
  },
  {
    name: 'nano',
    needs: ['nano'],
    files: { 'code.c': SOURCE, nanorc: 'set linenumbers\nset constantshow\n' },
    command: 'nano --rcfile=nanorc code.c',
    steps: [
      { shows: /\^X/, keys: `${PAGE_DOWN}${DOWN}${DOWN}typed 漢字 é` },
      { shows: /Modified/, keys: '\u0017line_40\r' },
      { shows: /line_40/, keys: '\u000b\u000b\u0015', size: { columns: 50, rows: 14 } },
      { keys: '\u0018' },
      { shows: /Save modified/, keys: 'n' },
    ],
  },
  {
    name: 'mc',
    needs: ['mc'],
    files: { 'code.c': SOURCE, 'two/three': 'x', text: 'one\ntwo\n' },
    command: 'mc --nosubshell --nomouse . two',
    steps: [
      { shows: /10Quit/, keys: `${ESC}[F${ESC}OA` },
      { keys: `${ESC}OR` },
      { shows: /line_3/, keys: PAGE_DOWN },
      { shows: /line_15/, keys: F10 },
      { shows: /UP--DIR/, keys: `${ESC}[20~` },
      { keys: '\r' },
      { shows: /Listing/, keys: DOWN },
      { keys: F10 },
      { shows: /10Quit/, keys: DOWN, size: { columns: 90, rows: 30 } },
      { keys: F10 },
      { keys: '\r' },
    ],
  },
  {
    name: 'tig',
    needs: ['tig', 'git'],
    prepare: REPOSITORY,
    command: 'cd one && tig --all',
    steps: [
      { shows: /commit 30/, keys: 'jjj\r' },
      { shows: /Author/, keys: 'jj   ', size: { columns: 100, rows: 30 } },
      { keys: 'qh' },
      { shows: /help/i, keys: 'qq' },
    ],
  },
];
