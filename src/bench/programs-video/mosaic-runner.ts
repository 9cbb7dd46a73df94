/** A mosaic in a process of its own, which says what it costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openMosaic } from '../../video/index.js';
import { answer, givenTo } from '../programs-frames/given.js';

/** What the suite passes. */
export interface MosaicGiven {
  readonly directory: string;
  readonly framesPerSecond: number;
  readonly warmMs: number;
  readonly measureMs: number;
  readonly rounds: number;
}

/** One round. */
export interface MosaicCost {
  /** Processor time of the process. */
  readonly pictureMs: number;
  readonly picturesPerSecond: number;
}

const { directory, framesPerSecond, warmMs, measureMs, rounds } = givenTo<MosaicGiven>();
const inputs = ['bench/camera-*'];
const mosaic = await openMosaic('bench/mosaic', inputs, { directory, framesPerSecond });
await answer({ ready: true });
while (mosaic.stats().inputs.length < 16) await sleep(10);
await sleep(warmMs);
for (let round = 0; round < rounds; round++) {
  const [startedMs, before, published] = [
    performance.now(),
    process.cpuUsage(),
    mosaic.stats().published,
  ];
  await sleep(measureMs);
  const { user, system } = process.cpuUsage(before);
  const pictures = mosaic.stats().published - published;
  const cost: MosaicCost = {
    pictureMs: (user + system) / 1000 / pictures,
    picturesPerSecond: (pictures * 1000) / (performance.now() - startedMs),
  };
  await answer(cost);
}
