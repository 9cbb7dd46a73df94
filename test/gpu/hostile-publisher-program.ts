/**
 * Publishers of CUDA channels that lie, one a channel: their manifests are in the directory, they listen at the
 * channels' sockets, and answer HELLO in their own way. Says the channels' names.
 */
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  acceptUnix,
  listenUnix,
  receiveBytesOnly,
  sendBytes,
  SystemCallError,
} from '../../src/ffi/index.js';
import { allocateShared, findDevice } from '../../src/gpu/index.js';
import { encodeFrame, FrameType } from '../../src/layout/handshake.js';
import {
  ChannelState,
  controlByteLength,
  Header,
  poolGeometry,
  writeGeometry,
} from '../../src/layout/index.js';
import { createReaderPage, createSealedRegion, hostMemory } from '../../src/memory/index.js';
import { endWithParent, given, tell } from '../process/program.js';
import { STAMPED, WORDS } from './integrity.js';

const { directory } = given<{ directory: string }>();
const device = findDevice(undefined, 'lie');
const SLOTS = 4;
const SLOT_BYTES = WORDS * 4;

/** The real memory of a real channel; what is said of it is what lies. */
const geometry = poolGeometry({ epoch: 1, instance: [1, 2, 3, 4] }, SLOTS, SLOT_BYTES);
const controlBytes = controlByteLength(geometry);
const control = createSealedRegion('hostile', controlBytes);
const words = new Int32Array(control.buffer);
writeGeometry(words, geometry);
words[Header.state] = ChannelState.live;
const allocation = allocateShared(device, SLOTS * SLOT_BYTES, 'lie');
const onHost = hostMemory.createPool({ label: 'hostile', slots: SLOTS, slotBytes: SLOT_BYTES });

function manifestOf(channel: string): object {
  return {
    protocol: 1,
    channel,
    kind: 'frame',
    instance: '00000001000000020000000300000004',
    epoch: 1,
    format: STAMPED,
    memory: 'cuda:0',
    device: { uuid: device.uuid, name: device.name },
    layout: 'pool',
    slots: SLOTS,
    slotBytes: SLOT_BYTES,
    process: {
      pid: process.pid,
      executable: 'node',
      label: 'hostile',
      uid: process.getuid?.() ?? 0,
      startedAt: '2026-01-31T12:00:00.000Z',
      bootId: '00000000-0000-0000-0000-000000000000',
    },
    createdNs: 1,
    userData: {},
  };
}

interface Lie {
  /** Of WELCOME; what is undefined is left out. */
  readonly says?: object;
  readonly data?: number;
  readonly manifest?: object;
}

const lies: Readonly<Record<string, Lie>> = {
  'no-data-bytes': { says: { dataBytes: undefined } },
  'small-data-bytes': { says: { dataBytes: 4096 } },
  'large-data-bytes': { says: { dataBytes: allocation.byteLength * 4 } },
  'huge-data-bytes': { says: { dataBytes: 2 ** 46 } },
  'odd-data-bytes': { says: { dataBytes: -1 } },
  'no-mirrors': { says: { mirroredFrom: undefined } },
  'mirrors-from-nowhere': { says: { mirroredFrom: -5 } },
  'host-memory-for-gpu-memory': { data: onHost.descriptor },
  'device-file-for-gpu-memory': { data: openSync('/dev/null', 'r') },
  'page-for-gpu-memory': { data: createReaderPage('hostile').descriptor },
  'a-copy-not-asked-for': { says: { copied: 'host' }, data: onHost.descriptor },
  'gpu-memory-for-a-host-channel': { manifest: { memory: 'host', device: undefined } },
};

function welcome(channel: string, { says = {}, manifest = {} }: Lie): Uint8Array {
  return encodeFrame(FrameType.WELCOME, {
    manifest: { ...manifestOf(channel), ...manifest },
    ...{ subscriber: 1, leases: 2, maxLag: 4, sequence: 1, controlBytes, clockOffsetNs: 0 },
    ...{ dataBytes: allocation.byteLength, mirroredFrom: 1, ...says },
  });
}

const greetings = new Uint8Array(65_536);
endWithParent();
for (const [channel, lie] of Object.entries(lies)) {
  const manifest = JSON.stringify(manifestOf(channel));
  writeFileSync(join(directory, `${channel}.json`), manifest, { mode: 0o600 });
  const listener = listenUnix(join(directory, `${channel}.sock`), 0o600);
  setInterval(() => {
    const fd = acceptUnix(listener);
    if (fd === undefined) return;
    const page = createReaderPage('hostile').descriptor;
    const timer = setInterval(() => {
      if (receiveBytesOnly(fd, greetings) < 0) return;
      clearInterval(timer);
      const bytes = welcome(channel, lie);
      const data = lie.data ?? allocation.descriptor;
      try {
        sendBytes(fd, bytes, 0, bytes.length, [control.descriptor, data, page]);
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
      }
    }, 1);
  }, 2);
}
tell(JSON.stringify(Object.keys(lies)));
