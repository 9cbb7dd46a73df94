/** A camera in one container, its readers in another: namespaces and users of their own, and one directory in common. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { CameraViewerSaw } from './camera-viewer-program.js';
import { decodedByFfmpeg, H264, makeClip, withoutFfmpeg } from './camera-clips.js';
import { CLI, type Running, Stage } from './cli-program.js';
import { contained, GROUP, sharedDirectory, withoutContainers } from './container.js';
import { descendantsOf, type Namespace, namespaceOf, sharedMemoryOf } from './process-tree.js';
import { endAll, Program } from './program.js';
import { Runtime } from './runtime.js';

const skip = withoutFfmpeg ?? withoutContainers() ?? false;
after(endAll);

const CAMERA = { uid: 1000, gid: GROUP };
const DETECTOR = { uid: 1001, gid: GROUP };
const STRANGER = { uid: 1002, gid: GROUP };
const FRAME_NS = 40_000_000;
const FRAMES = 25;

type FrameSeen = Extract<CameraViewerSaw, { saw: 'frame' }>;
type PacketSeen = Extract<CameraViewerSaw, { saw: 'packet' }>;

/** The machine: the directory of all containers, and the clip that the camera's has beside it. */
class Site {
  readonly shared: string;
  readonly media: string;
  readonly clip: string;
  readonly #stage = new Stage();

  constructor(test: TestContext) {
    const runtime = new Runtime(test);
    test.after(() => this.#stage.close());
    this.shared = sharedDirectory(runtime);
    this.media = join(runtime.folder, 'media');
    mkdirSync(this.media, { mode: 0o755 });
    const encode = [...H264, '-bf', '0', '-g', '5'];
    this.clip = makeClip(this.media, 'clip.mp4', { size: '64x48', seconds: FRAMES / 25, encode });
  }

  sluice(...words: readonly string[]): Running {
    const place = contained({ shared: this.shared, at: 'sluice', media: this.media, ...CAMERA });
    const program = [...place.wrapper, process.execPath, CLI];
    return this.#stage.start([...words, '--dir', '/run/sluice'], { program });
  }

  /** Under another name of the directory: nothing in it depends on where it is. */
  reader(user: typeof DETECTOR): Reader {
    const place = contained({ shared: this.shared, at: 'streams', ...user });
    const given = { channel: 'door', directory: '/run/streams', uids: [CAMERA.uid] };
    return new Reader(new Program('camera-viewer-program', given, place));
  }
}

class Reader {
  readonly program: Program;
  readonly frames: FrameSeen[] = [];
  readonly packets: PacketSeen[] = [];
  readonly denied: string[] = [];

  constructor(program: Program) {
    this.program = program;
  }

  async until(isEnough: () => boolean): Promise<void> {
    while (!isEnough()) {
      const seen = JSON.parse(await this.program.line()) as CameraViewerSaw;
      if (seen.saw === 'frame') this.frames.push(seen);
      else if (seen.saw === 'packet') this.packets.push(seen);
      else this.denied.push(seen.channel);
    }
  }

  /** Forgets what came, and waits for so many of both. */
  async next(enough: number): Promise<void> {
    this.frames.length = 0;
    this.packets.length = 0;
    const isEnough = (): boolean => this.frames.length >= enough && this.packets.length >= enough;
    await this.until(() => isEnough() || this.denied.length > 0);
    assert.deepEqual(this.denied, []);
  }
}

/** Every frame is the picture of its time, every packet decodes to one, and those of one moment have one id. */
function assertExact(reader: Reader, folder: string, pictures: readonly string[]): void {
  const { frames, packets } = reader;
  const placeOf = (ptsNs: number): number => Math.round(ptsNs / FRAME_NS) % FRAMES;
  const idAt = new Map(packets.map(({ ptsNs, id }) => [ptsNs, id]));
  for (const { ptsNs, digest, id, bytesCopied } of frames) {
    assert.equal(digest, pictures[placeOf(ptsNs)], `at ${ptsNs} ns`);
    assert.ok(!idAt.has(ptsNs) || idAt.get(ptsNs) === id);
    assert.equal(bytesCopied, 0);
  }
  const from = packets.findIndex(({ keyFrame }) => keyFrame);
  const units = packets.slice(from);
  const stream = join(folder, 'units.h264');
  writeFileSync(stream, Buffer.concat(units.map(({ bytes }) => Buffer.from(bytes, 'base64'))));
  const expected = units.map(({ ptsNs }) => pictures[placeOf(ptsNs)]);
  assert.notEqual(expected.length, 0);
  assert.deepEqual(decodedByFfmpeg(stream), expected);
}

/** Of a container, the process that has mapped memory of Sluice. */
function mapperIn(pid: number): number {
  return descendantsOf(pid).find((inside) => sharedMemoryOf(inside).size > 0)!;
}

describe('a camera in a container', { skip, timeout: 120_000 }, () => {
  const ways: readonly (readonly [string, (site: Site) => readonly string[]])[] = [
    [
      'sluice camera --allow-uid',
      () => {
        const paced = ['--loop', '--realtime', '--allow-uid', String(DETECTOR.uid)];
        return ['camera', 'door', '/run/media/clip.mp4', ...paced];
      },
    ],
    [
      'sluice up',
      ({ media }) => {
        const paced = 'loop: true, realtime: true';
        const door = `{ input: /run/media/clip.mp4, ${paced}, allow: { uids: [${DETECTOR.uid}] } }`;
        writeFileSync(join(media, 'sluice.yaml'), `cameras:\n  door: ${door}\n`);
        return ['up', '/run/media/sluice.yaml'];
      },
    ],
  ];
  for (const [name, wordsFor] of ways) {
    it(`gives readers in another its frames and packets, in place and exact, also after it was killed: ${name}`, async (test) => {
      const site = new Site(test);
      const pictures = decodedByFfmpeg(site.clip);
      const words = wordsFor(site);
      const camera = site.sluice(...words);
      await camera.shows(/clip\.mp4/);
      const reader = site.reader(DETECTOR);
      await reader.next(FRAMES + 5);
      assertExact(reader, site.media, pictures);
      const [one, other] = [mapperIn(camera.child.pid!), mapperIn(reader.program.pid)];
      for (const kind of ['pid', 'ipc', 'mnt', 'net', 'uts'] satisfies Namespace[]) {
        const names = [one, other, 'self' as const].map((pid) => namespaceOf(pid, kind));
        assert.equal(new Set(names).size, 3, `${kind}: ${names.join(' ')}`);
      }
      // Of both channels control block, slots and the subscriber's page: the same memory, not a copy of it.
      const common = [...sharedMemoryOf(one)].filter((inode) => sharedMemoryOf(other).has(inode));
      assert.ok(common.length >= 5, `they share ${common.length} pieces of memory`);

      const stranger = site.reader(STRANGER);
      const { denied } = stranger;
      const gets = (): boolean => stranger.frames.length + stranger.packets.length > 0;
      await stranger.until(() => denied.length === 2 || gets());
      assert.ok(!gets());
      assert.deepEqual(denied.toSorted(), ['door', 'door/packets']);

      camera.signal('SIGKILL');
      await camera.ended;
      const next = site.sluice(...words);
      await next.shows(/clip\.mp4/);
      await reader.until(() => (reader.frames.at(-1)?.reconnects ?? 0) > 0);
      await reader.until(() => reader.packets.some(({ discontinuity }, at) => discontinuity && at));
      await reader.next(10);
      assertExact(reader, site.media, pictures);
    });
  }
});
