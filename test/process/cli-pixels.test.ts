/** `sluice filter` and `sluice snap`, as they are typed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { PNG } from 'pngjs';
import { openPublisher, openSubscriber, tensors, video } from '../../src/index.js';
import { filterInputs, takeSnapshot } from '../../src/video.js';
import { Stage } from './cli-program.js';

const stage = new Stage();
const folder = mkdtempSync(join(tmpdir(), 'sluice-test-pixels-'));
const { directory } = stage;
after(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const noFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0 ? false : 'there is no ffmpeg';
const format = video({ width: 66, height: 34, pixelFormat: 'rgb24' });

/** Red above, blue below, in rows that are padded. */
async function redAndBlue(channel: string, userData: Record<string, unknown> = {}) {
  const publisher = await openPublisher(channel, { format, directory, userData });
  const put = (keyFrame: boolean): void => {
    const loan = publisher.tryLoan()!;
    const { bytes, pitchBytes, rowBytes } = loan.planes[0]!;
    bytes.fill(0);
    for (let y = 0; y < 34; y++) {
      for (let x = y < 17 ? 0 : 2; x < rowBytes; x += 3) bytes[y * pitchBytes + x] = 255;
    }
    loan.publish({ keyFrame });
  };
  return { publisher, put };
}

describe('sluice snap', { timeout: 60_000 }, () => {
  it('stores a PNG, to the bit', async () => {
    const { publisher, put } = await redAndBlue('snap/png');
    put(false);
    const path = join(folder, 'one.png');
    const { code, err, out } = await stage.run(['snap', 'snap/png', path, '--json']);
    assert.equal(code, 0, err);
    assert.equal((JSON.parse(out) as { width: number }).width, 66);
    const png = PNG.sync.read(readFileSync(path));
    assert.deepEqual([png.width, png.height], [66, 34]);
    const pixel = (x: number, y: number): number[] => [
      ...png.data.subarray((y * 66 + x) * 4).subarray(0, 4),
    ];
    assert.deepEqual(pixel(0, 0), [255, 0, 0, 255]);
    assert.deepEqual(pixel(65, 16), [255, 0, 0, 255]);
    assert.deepEqual(pixel(65, 33), [0, 0, 255, 255]);
    await publisher.close();
  });

  it('stores a JPEG that others read, smaller than the picture', { skip: noFfmpeg }, async () => {
    const { publisher, put } = await redAndBlue('snap/jpeg');
    put(false);
    const path = join(folder, 'two.jpg');
    const { code, err } = await stage.run(['snap', 'snap/jpeg', path, '--width', '32']);
    assert.equal(code, 0, err);
    assert.match(err, /two\.jpg: 32x16 jpeg/);
    const decode = ['-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'];
    const { stdout } = spawnSync('ffmpeg', decode);
    assert.equal(stdout.byteLength, 32 * 16 * 3);
    const near = (at: number, wanted: readonly number[]): void =>
      wanted.forEach((value, index) => {
        assert.ok(
          Math.abs(stdout[at + index]! - value) < 16,
          `${[...stdout.subarray(at, at + 3)]}`,
        );
      });
    near(3 * (32 * 2 + 16), [255, 0, 0]);
    near(3 * (32 * 13 + 16), [0, 0, 255]);
    await publisher.close();
  });

  it('asks a camera for a key frame only', async () => {
    const { publisher, put } = await redAndBlue('snap/lazy', { camera: {} });
    put(false);
    const taking = takeSnapshot('snap/lazy', { directory });
    for await (const demand of publisher.demand()) if (demand.keyFramesOnly) break;
    put(false);
    put(true);
    assert.equal((await taking).sequence, 3);
    await publisher.close();
  });

  it('says what it cannot do', async () => {
    const missing = await stage.run(['snap', 'no/such', join(folder, 'x.png')]);
    assert.equal(missing.code, 3, missing.err);
    assert.equal(existsSync(join(folder, 'x.png')), false);
    assert.equal((await stage.run(['snap', 'a', 'x.gif'])).code, 2);
    const { publisher, put } = await redAndBlue('snap/full');
    put(false);
    const nowhere = await stage.run(['snap', 'snap/full', join(folder, 'no/such/x.png')]);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /cannot write .*no\/such\/x\.png/);
    await publisher.close();
  });
});

describe('sluice filter', { timeout: 60_000 }, () => {
  it('makes what a detector takes, and ends when it is told to', async () => {
    const { publisher, put } = await redAndBlue('filter/camera');
    const filter = stage.start([
      ...['filter', 'filter/out', 'filter/camera', '--letterbox', '32x32', '--to', 'rgb,chw,f32'],
      ...['--mean', '0.5', '--std', '0.5', '--json'],
    ]);
    await filter.shows(/"event":"open"/);
    const sources = await openSubscriber('filter/out/inputs', {
      format: filterInputs(),
      directory,
    });
    const view = await openSubscriber('filter/out', { format: tensors(), directory });
    for await (const { subscribers } of publisher.demand()) if (subscribers > 0) break;
    put(false);
    using frame = await view.receive();
    const { dtype, shape, data } = frame.tensors['data']!;
    assert.deepEqual([dtype, shape], ['f32', [3, 32, 32]]);
    const floats = data as Float32Array;
    const grey = Math.fround((114 / 255 - 0.5) / 0.5);
    assert.deepEqual([floats[0], floats[10 * 32 + 5], floats[22 * 32 + 5]], [grey, 1, -1]);
    const { inputs } = (await sources.receive()).value;
    assert.deepEqual([inputs[0]!.width, inputs[0]!.placement.y], [66, 8]);
    filter.signal('SIGINT');
    const { code, out } = await filter.ended;
    assert.equal(code, 130);
    assert.match(out, /"event":"end","channel":"filter\/out","published":1,"pictures":1/);
    await view.close();
    await sources.close();
    await publisher.close();
  });

  it('refuses what makes no sense', async () => {
    const refused = async (words: readonly string[], pattern: RegExp): Promise<void> => {
      const { code, err } = await stage.run(['filter', 'out', ...words]);
      assert.equal(code, 2, err);
      assert.match(err, pattern);
    };
    await refused(['camera', '--to', 'rgb,chw,u8'], /a size is needed/);
    await refused(['camera', '--letterbox', '8x8', '--to', 'rgb,chw'], /needs one type/);
    await refused(['camera', '--letterbox', '8x8', '--to', 'rgb,chw,f65'], /--to f65/);
    await refused(['camera/*', '--letterbox', '8x8', '--to', 'rgb,chw,f16'], /batch says how many/);
  });
});
