/** The processes of a session of the kernel (setsid(2)): what was started in a terminal, whatever became of its parents. */
import { readdirSync, readFileSync } from 'node:fs';

/** All that /proc shows. A process that ends meanwhile is left out, and so is a dead one that waits for its parent. */
export function processesOfSession(session: number): readonly number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // proc_pid_stat(5), after the name of the program: state, parent, process group, session.
    const [state, , , id] = statFields(name);
    if (state !== undefined && state !== 'Z' && Number(id) === session) found.push(Number(name));
  }
  return found;
}

/** The fields behind the program's name, which may hold spaces and parentheses. */
function statFields(pid: string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** kill(2) of each; one that is gone, or that this user may not signal, is passed over. */
export function signalProcesses(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // ESRCH: it ended by itself. EPERM: it runs as somebody else.
    }
  }
}
