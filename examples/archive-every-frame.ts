/**
 * Writes every picture of camera/door into a YUV4MPEG2 file that ffplay, mpv and ffmpeg read:
 *
 *   node dist/examples/archive-every-frame.js door.y4m 100
 */
import { open } from 'node:fs/promises';
import { openSubscriber, video } from 'sluice';

const [path = 'door.y4m', frames = '100'] = process.argv.slice(2);

// `every` is in order and complete. Up to 25 pictures may wait for the disk; one more would be overwritten, and with
// whenBehind 'end' that ends the archive rather than leave a hole in it.
await using view = await openSubscriber('camera/door', {
  format: video({ pixelFormat: 'i420' }),
  delivery: 'every',
  maxLag: 25,
  whenBehind: 'end',
});

await using file = await open(path, 'w');
let written = 0;
for await (const frame of view) {
  const { width, height } = frame.format;
  if (written === 0) await file.write(`YUV4MPEG2 W${width} H${height} F25:1 Ip C420jpeg\n`);
  // to…() copies: the slot is free again while the disk works.
  const copy = await frame.toHost();
  frame.release();
  const rows = copy.planes.flatMap(({ bytes, pitchBytes, rowBytes, height: count }) =>
    Array.from({ length: count }, (_, row) =>
      bytes.subarray(row * pitchBytes).subarray(0, rowBytes),
    ),
  );
  await file.writev([Buffer.from('FRAME\n'), ...rows]);
  written += 1;
  if (written === Number(frames)) break;
}
console.log(`${written} pictures in ${path}, ${view.stats().lost} lost`);
