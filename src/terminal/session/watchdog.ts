/**
 * Sees to it that no agent outlives its host. A shell in a session of its own reads a pipe that only the host has: its
 * end is the host's death, however it came. Then everything is told to end, asked first and killed after two seconds:
 * the processes of the kernel sessions that the host named, and every process whose environment carries the host's mark,
 * which also finds what moved to a session of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** What marks the environment of agents; its value is drawn for each host. */
export const HOST_MARK = 'SLUICE_AGENTS_HOST';

const MAX_RESTARTS = 5;

/** POSIX sh; needs grep, sed and sleep. `$1` is the mark, and stands in no environment but the agents'. */
const SCRIPT = `
trap '' HUP INT TERM QUIT
sessions=' '
while read -r word id; do
  case $word in
    add) sessions="$sessions$id " ;;
    drop) sessions=$(printf %s "$sessions" | sed "s/ $id / /") ;;
  esac
done
victims() {
  grep -lF "$1" /proc/[0-9]*/environ 2>/dev/null | sed 's:[^0-9]::g'
  cat /proc/[0-9]*/stat 2>/dev/null | sed 's/ (.*) / /' | while read -r pid state parent group session rest; do
    case "$sessions" in *" $session "*) [ "$state" = Z ] || echo "$pid" ;; esac
  done
}
for name in HUP TERM KILL KILL KILL; do
  found=$(victims "$1")
  [ -n "$found" ] || exit 0
  kill -s "$name" $found 2>/dev/null
  [ "$name" = HUP ] && kill -s CONT $found 2>/dev/null
  [ "$name" = TERM ] && sleep 2 || sleep 0.1
done
`;

export class AgentWatchdog {
  readonly #mark: string;
  readonly #onProblem: (text: string) => void;
  readonly #sessions = new Set<number>();
  #child: ChildProcess;
  #restarts = 0;
  #dismissed = false;
  #ended: Promise<void>;

  /** `mark`: the value of {@link HOST_MARK} in the environment of agents. */
  constructor(mark: string, onProblem: (text: string) => void) {
    this.#mark = mark;
    this.#onProblem = onProblem;
    ({ child: this.#child, ended: this.#ended } = this.#start());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A program leads this session of the kernel. */
  add(session: number): void {
    this.#sessions.add(session);
    this.#say(`add ${session}`);
  }

  /** The program has ended; what it left running is still known by its mark. */
  drop(session: number): void {
    this.#sessions.delete(session);
    this.#say(`drop ${session}`);
  }

  /** The host ends: whatever is left of its agents is ended too. Resolves when that is done. */
  async dismiss(): Promise<void> {
    this.#dismissed = true;
    // Nothing else may be left that keeps this process from ending before.
    this.#child.ref();
    this.#child.stdin?.end();
    await this.#ended;
  }

  #start(): { child: ChildProcess; ended: Promise<void> } {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'sluice-agents-watchdog', this.#mark], {
      detached: true,
      cwd: '/',
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/bin:/bin` },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin?.on('error', () => undefined);
    child.on('error', ({ message }) => this.#onProblem(`no watchdog: ${message}`));
    const ended = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => {
        resolve();
        this.#onExit();
      });
    });
    child.unref();
    return { child, ended };
  }

  /** Somebody killed it: agents are not left without. */
  #onExit(): void {
    if (this.#dismissed) return;
    if (this.#restarts === MAX_RESTARTS) {
      this.#onProblem(`the watchdog was killed ${MAX_RESTARTS + 1} times and is not started again`);
      return;
    }
    this.#restarts += 1;
    ({ child: this.#child, ended: this.#ended } = this.#start());
    for (const session of this.#sessions) this.#say(`add ${session}`);
  }

  #say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
