/** Where the clients of a tap connect: a Unix socket or a port of this machine. */
import { lstatSync, unlinkSync } from 'node:fs';
import { printable, SluiceError } from '../../core/index.js';
import { closeDescriptor, listenTcp, peerCredentials, SystemCallError } from '../../ffi/index.js';
import { AcceptLoop } from '../../bus/transport/accept-loop.js';
import { mayConnect } from '../../bus/transport/access.js';
import { listen } from '../../bus/transport/listener.js';
import { probeSocket } from '../../bus/directory/socket-probe.js';
import { parseTcpAddress, type TapOptions } from './options.js';

export interface TapServer {
  /** `unix:/run/door.y4m` or `tcp://127.0.0.1:8554`: what ffmpeg opens. */
  readonly url: string;
  /** Stops listening and removes the socket. Idempotent. */
  close(): void;
}

/**
 * Listens as the options say. `onClient` owns the descriptor it is given: a client that may connect; others are refused by
 * closing. Rejects with `SYSTEM`, `CHANNEL_IN_USE` when another tap listens there.
 */
export async function openTapServer(
  options: TapOptions,
  onClient: (fd: number) => void,
): Promise<TapServer> {
  const { socket, tcp } = options;
  try {
    return tcp === undefined
      ? await serveUnix(socket as string, options, onClient)
      : serveTcp(tcp, onClient);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    const place = tcp ?? printable(socket as string);
    const { call, code } = error;
    throw new SluiceError('SYSTEM', `cannot listen at ${place}: ${call} failed with ${code}`, {
      details: { call, errno: code, place },
      remedy: 'Choose a place that this user may write to and that is not in use.',
      cause: error,
    });
  }
}

async function serveUnix(
  path: string,
  { allow }: TapOptions,
  onClient: (fd: number) => void,
): Promise<TapServer> {
  const onConnection = (fd: number): void => {
    if (mayConnect(peerCredentials(fd), allow)) onClient(fd);
    else closeDescriptor(fd);
  };
  await removeLeftover(path);
  const listener = listen(path, { mode: allow === undefined ? 0o600 : 0o666 }, onConnection);
  return { url: `unix:${path}`, close: () => listener.close() };
}

/** A socket at which nobody listens is what a tap that was killed left behind. Other files are nobody's leftover. */
async function removeLeftover(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const state = await probeSocket(path);
  if (state === 'refused') unlinkSync(path);
  if (state !== 'accepting' && state !== 'busy') return;
  throw new SluiceError('CHANNEL_IN_USE', `cannot listen at ${printable(path)}: somebody does`, {
    details: { path },
    remedy: 'End the other tap, or choose another path.',
  });
}

function serveTcp(text: string, onClient: (fd: number) => void): TapServer {
  const { address, port: wanted } = parseTcpAddress(text);
  const { fd, port } = listenTcp(address, wanted);
  const loop = new AcceptLoop(fd, onClient);
  let open = true;
  return {
    url: `tcp://${address === '::1' ? '[::1]' : address}:${port}`,
    close: () => {
      if (!open) return;
      open = false;
      loop.close();
      closeDescriptor(fd);
    },
  };
}
