/** However a viewer ends, and whatever its terminal takes, the terminal is whole afterwards. On real pseudo terminals. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { describe, it } from 'node:test';
import { PtyProcess } from '../../src/terminal/pty/index.js';
import { HostTerminal } from '../unit/terminal-output/host-terminal.js';

const PROGRAM = fileURLToPath(new URL('viewer-program.js', import.meta.url));

/** A shell as users have it: it runs the viewer as a job, and when the line discipline is as it was it goes on. */
const SHELL = `
before=$(stty -g)
"$0" "$1"
until [ "$(stty -g)" = "$before" ]; do sleep 0.02; done
while :; do echo "the line discipline is as it was"; sleep 0.2; done
`;

/** A user's terminal: an emulator that answers queries, around a shell in a pseudo terminal. */
class UserSide {
  readonly host = new HostTerminal(80, 24, (answer) => this.#shell?.write(Buffer.from(answer)));
  #shell: PtyProcess | undefined;
  #written: Promise<void> = Promise.resolve();

  static async start(): Promise<UserSide> {
    const side = new UserSide();
    const environment = { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', HOME: '/tmp' };
    side.#shell = await PtyProcess.start(
      {
        command: ['bash', '-c', `set -m${SHELL}`, process.execPath, PROGRAM],
        directory: '/',
        environment,
        size: { columns: 80, rows: 24 },
      },
      {
        onOutput: (bytes) => {
          side.#written = side.host.write(bytes.slice());
        },
      },
    );
    return side;
  }

  get shell(): PtyProcess {
    assert.ok(this.#shell);
    return this.#shell;
  }

  type(text: string): void {
    assert.ok(this.shell.write(Buffer.from(text)));
  }

  resize(columns: number, rows: number): void {
    this.host.resize(columns, rows);
    this.shell.resize({ columns, rows });
  }

  async until(is: () => boolean): Promise<void> {
    for (;;) {
      await this.#written;
      if (is()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Until the terminal shows it. */
  async shows(pattern: RegExp): Promise<string> {
    const text = (): string => this.host.text().join('\n');
    await this.until(() => pattern.test(text()));
    return text();
  }

  async viewerPid(): Promise<number> {
    const pid = this.shell.foregroundGroup;
    assert.ok(pid !== undefined && pid !== this.shell.pid, 'the viewer is a job of its own');
    return pid;
  }

  end(): Promise<unknown> {
    process.kill(this.shell.pid, 'SIGKILL');
    const group = this.shell.foregroundGroup;
    if (group !== undefined && group > 1 && group !== this.shell.pid) {
      try {
        process.kill(group, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    return this.shell.ended;
  }
}

async function withUser(work: (user: UserSide) => Promise<void>): Promise<void> {
  const user = await UserSide.start();
  try {
    await user.shows(/ready/);
    await work(user);
  } finally {
    await user.end();
  }
}

const SANE = {
  alternateScreen: false,
  bracketedPaste: false,
  focusEvents: false,
  mouse: 'none',
  wraparound: true,
};

/** Waits for a terminal without modes and with its line discipline; what it shows then. */
async function assertSane(user: UserSide): Promise<string> {
  await user.until(() => isDeepStrictEqual(user.host.modes(), SANE));
  return user.shows(/the line discipline is as it was/);
}

describe('a viewer', { timeout: 120_000 }, () => {
  it('has the whole screen while it runs, and leaves it as it was', async () => {
    await withUser(async (user) => {
      assert.equal(user.host.modes().alternateScreen, true);
      assert.equal(user.host.modes().bracketedPaste, true);
      user.type('\u0007d');
      assert.match(await assertSane(user), /^── one ─+\n │ ready\nended: detach/m);
    });
  });

  it('says so where there is no terminal', () => {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /NOT_A_TERMINAL/);
  });

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    it(`leaves the terminal sane after ${signal}`, async () => {
      await withUser(async (user) => {
        process.kill(await user.viewerPid(), signal);
        assert.match(await assertSane(user), /ended: signal/);
      });
    });
  }

  it('leaves the terminal sane after SIGKILL, by its watchdog', async () => {
    await withUser(async (user) => {
      process.kill(await user.viewerPid(), 'SIGKILL');
      assert.doesNotMatch(await assertSane(user), /── one ─/, 'nobody is there to write it');
    });
  });

  it('leaves the terminal sane after an exception, which can be read then', async () => {
    await withUser(async (user) => {
      user.type('x');
      assert.match(await assertSane(user), /the exception that was asked for/);
    });
  });

  it('sleeps and wakes as a job of the shell', async () => {
    await withUser(async (user) => {
      const pid = await user.viewerPid();
      user.type('\u0007\u001a');
      // The shell waits for a job that has stopped no longer: it is in the foreground again.
      await assertSane(user);
      process.kill(pid, 'SIGKILL');
    });
  });

  it('loses nothing when its terminal takes nothing for a while, and is resized meanwhile', async () => {
    await withUser(async (user) => {
      user.shell.pause();
      user.type('f');
      await new Promise((resolve) => setTimeout(resolve, 300));
      user.resize(60, 20);
      await new Promise((resolve) => setTimeout(resolve, 100));
      user.shell.resume();
      const text = await user.shows(/the flood is over/);
      assert.match(text.split('\n').at(0) ?? '', /^─ 1 {2}● one ─+$/);
      assert.match(text.split('\n').at(19) ?? '', /test │ 1 agent/);
      user.type('\u0007d');
      await assertSane(user);
    });
  });
});
