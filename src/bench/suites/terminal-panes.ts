/** What is measured of twenty programs that one terminal shows: idle, at work, and under somebody's keys. */
import type { BenchContext } from '../measurement.js';
import { FifoWriter, makeFifos, programsOf } from '../programs-terminal/agent-fifos.js';
import { CLEAR } from '../programs-terminal/agent-scenes.js';
import { AgentSession } from '../programs-terminal/agent-session.js';
import type { PaneHost } from '../programs-terminal/pane-host.js';
import { TerminalPicture } from '../programs-terminal/terminal-picture.js';
import { TmuxServer } from '../programs-terminal/tmux-server.js';
import type { Findings } from './findings.js';
import { bytesTasks, measureBytes } from './terminal-bytes.js';
import { echoTasks, measureEcho } from './terminal-echo.js';
import { idleParts, idleTasks, measureIdle } from './terminal-idle.js';
import { inFolder, startFeeder } from './terminal-processes.js';

const AGENTS = 20;
/** The program that is typed into. */
const TYPED = 'typed';
const HOSTS = { sluice: AgentSession, tmux: TmuxServer } as const;

export async function measurePanes(
  context: BenchContext,
  findings: Findings,
  subject: keyof typeof HOSTS,
): Promise<void> {
  try {
    await inFolder(context.directory, async (folder) => {
      const paths = makeFifos(folder, context.quick ? 4 : AGENTS);
      const programs = [{ name: TYPED, command: ['cat'] }, ...programsOf(paths)];
      const fifos = new FifoWriter(paths);
      let host: PaneHost | undefined;
      try {
        host = await HOSTS[subject].start({ folder, programs, focus: TYPED });
        const found = { context, findings, subject, host, fifos };
        await measureIdle(context, findings, subject, host.pid);
        await measureAll(found, paths);
        await measureAlone(found);
      } finally {
        await host?.stop();
        fifos.close();
      }
    });
  } catch (error) {
    const tasks = [...idleTasks, ...bytesTasks, ...echoTasks];
    for (const name of [subject, ...idleParts[subject]]) findings.fail(tasks, error, name);
  }
}

interface Running {
  readonly context: BenchContext;
  readonly findings: Findings;
  readonly subject: keyof typeof HOSTS;
  readonly host: PaneHost;
  readonly fifos: FifoWriter;
}

/** All panes beside each other. */
async function measureAll(
  { context, findings, subject, host, fifos }: Running,
  paths: readonly string[],
): Promise<void> {
  const picture = new TerminalPicture();
  const terminal = await host.attach({ picture });
  try {
    await measureIdle(context, findings, subject, host.pid, terminal.pid);
    await measureBytes(context, findings, subject, [terminal, picture], fifos, false);
    // From here on nothing but the echo is looked for: an emulator would be in its way.
    terminal.picture = undefined;
    for (let agent = 0; agent < fifos.count; agent += 1) fifos.write(agent, CLEAR);
    const feeder = await startFeeder(paths);
    try {
      await measureEcho(context, findings, subject, terminal, feeder);
    } finally {
      await feeder.stop();
    }
  } finally {
    await terminal.stop();
    picture.close();
  }
}

async function measureAlone({ context, findings, subject, host, fifos }: Running): Promise<void> {
  const picture = new TerminalPicture();
  const terminal = await host.attach({ alone: 'agent-0', picture });
  try {
    await measureBytes(context, findings, subject, [terminal, picture], fifos, true);
  } finally {
    await terminal.stop();
    picture.close();
  }
}
