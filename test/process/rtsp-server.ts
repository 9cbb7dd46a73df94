/** A real RTSP server, GStreamer's, as a process of its own: rtsp-server.py. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PYTHON = '/usr/bin/python3';
const PROGRAM = fileURLToPath(new URL('../../../test/process/rtsp-server.py', import.meta.url));
const PROBE = `
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ['rtph264pay', 'qtdemux', 'h264parse']))
`;

/** Why tests with a server are skipped; undefined where they are not. */
export const withoutRtsp =
  spawnSync(PYTHON, ['-c', PROBE]).status === 0
    ? undefined
    : 'gir1.2-gst-rtsp-server-1.0, python3-gi or plugins of GStreamer are not installed';

export class RtspServer {
  readonly port: number;
  /** Connections that there were. */
  clients = 0;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** `clips`: path of the URL to file; `port` 0: any. */
  static async start(
    clips: Readonly<Record<string, string>>,
    { port = 0, login }: { readonly port?: number; readonly login?: string } = {},
  ): Promise<RtspServer> {
    const words = Object.entries(clips).map(([path, file]) => `${path}=${file}`);
    const access = login === undefined ? [] : ['--login', login];
    const child = spawn(PYTHON, [PROGRAM, String(port), ...words, ...access], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout! });
    const [ready] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string?];
    if (ready === undefined) throw new Error('the RTSP server ended before it listened');
    const server = new RtspServer(child, Number(ready.split(' ')[1]));
    lines.on('line', () => (server.clients += 1));
    return server;
  }

  /** The address of a clip, of its port and of user and password where they are given. */
  url(path: string, user = ''): string {
    return `rtsp://${user === '' ? '' : `${user}@`}127.0.0.1:${this.port}/${path}`;
  }

  /** It says nothing from here on, and connections stay. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Kills it: connections are cut. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}
