/** A channel server on a path of its own, for tests. */
import { join } from 'node:path';
import {
  ChannelServer,
  type ChannelServerOptions,
} from '../../../src/bus/transport/channel-server.js';
import { closeDescriptor, memfdCreate } from '../../../src/ffi/index.js';
import type { JsonObject } from '../../../src/layout/handshake.js';
import { temporaryDirectory } from '../ffi/descriptors.js';
import { Events, WELCOME } from './recorder.js';

export interface TestChannel {
  readonly server: ChannelServer;
  readonly path: string;
  /** `welcome ID`, `wake ID`, `ack ID EPOCH`, `end ID REASON` of sessions. */
  readonly events: Events;
  /** How often statistics were asked of the publisher. */
  statsCalls: number;
  close(): void;
}

export const MANIFEST: JsonObject = Object.freeze({ channel: 'test', epoch: 1 });

/** `options` replaces what the test is about. */
export function openTestChannel(options: Partial<ChannelServerOptions> = {}): TestChannel {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'c.sock');
  const events = new Events();
  const fd = memfdCreate('test', { sealing: true });
  const server = new ChannelServer({
    channel: 'test',
    path,
    accepts: () => true,
    welcome: (_hello, session) => {
      events.add(`welcome ${session.id}`);
      return { body: { ...WELCOME, subscriber: session.id }, descriptors: [fd, fd] };
    },
    manifest: () => MANIFEST,
    stats: () => {
      channel.statsCalls += 1;
      return { publisher: { calls: channel.statsCalls }, subscribers: [] };
    },
    onAcknowledged: (session) => events.add(`ack ${session.id} ${session.acknowledgedEpoch}`),
    onWake: (session) => events.add(`wake ${session.id}`),
    onEnd: (session, end) => events.add(`end ${session.id} ${end.reason}`),
    ...options,
  });
  const channel: TestChannel = {
    server,
    path,
    events,
    statsCalls: 0,
    close: () => {
      server.close();
      closeDescriptor(fd);
      directory.remove();
    },
  };
  return channel;
}
