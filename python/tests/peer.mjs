/** Small TypeScript-side jobs that the programs of test/process do not do. */
import { createInterface } from 'node:readline';
import {
  bytes,
  listChannels,
  openPublisher,
  openSubscriber,
  packets,
  tensors,
  video,
} from '../../dist/src/index.js';

const given = JSON.parse(process.argv[2]);
const tell = (value) =>
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
const onLine = (answer) => lines.on('line', (line) => void answer(line));

const jobs = {
  async video() {
    const camera = await openPublisher('v', {
      format: video({ width: 100, height: 100, pixelFormat: 'nv12' }),
      slots: 8,
    });
    const publish = (options) => {
      const loan = camera.tryLoan();
      loan.planes[0].bytes.fill(7);
      loan.planes[1]?.bytes.fill(9);
      loan.publish(options);
    };
    publish({
      ptsNs: -5,
      captureTimeNs: 123,
      keyFrame: true,
      userData: new TextEncoder().encode('hi'),
    });
    let deferred;
    let late;
    onLine(async (line) => {
      if (line === 'epoch') {
        publish();
        await camera.setFormat(video({ width: 64, height: 64, pixelFormat: 'gray8' }));
        publish();
      } else if (line === 'deferred') {
        late = camera.tryLoan();
        const plane = late.planes[0].bytes;
        deferred = late.publish({ deferred: true });
        late = plane;
      } else {
        late.fill(3);
        camera.complete(deferred);
      }
      tell('done');
    });
    tell('open');
  },
  async tensors() {
    const format = tensors({
      ids: { dtype: 'i64', shape: [8, 16], variable: true },
      logits: { dtype: 'f16', shape: [4] },
    });
    const model = await openPublisher('t', { format });
    const loan = model.tryLoan();
    loan.tensors.ids.data.set([1n, 2n, 3n, 4n, 5n, 6n]);
    loan.publish({ shape: { ids: [2, 3] } });
    tell('open');
  },
  async packets() {
    const camera = await openPublisher('p', { format: packets({ codec: 'hevc' }) });
    const encode = (text) => new TextEncoder().encode(text);
    camera.trySend(encode('abc'), { keyFrame: true, ptsNs: 40 });
    camera.trySend(encode('de'), { ptsNs: 80 });
    tell('open');
  },
  /** Fills the ring of a reader that it would wait for without end. */
  async patient() {
    const sized = given.layout === 'slots' ? { layout: 'slots', slots: 512 } : { ringBytes: 32768 };
    const options = { format: bytes(), patienceMs: Infinity, ...sized };
    const publisher = await openPublisher('patient', options);
    onLine(() => {
      let sent = 0;
      while (publisher.trySend(new TextEncoder().encode(String(sent)))) sent += 1;
      tell(String(sent));
    });
    tell('open');
  },
  async read() {
    const view = await openSubscriber(given.channel, { delivery: 'every', format: video({}) });
    tell('open');
    for await (const frame of view) {
      const plane = frame.planes[0];
      let sum = 0;
      for (let row = 0; row < plane.height; row++) {
        for (let at = 0; at < plane.width; at++) sum += plane.bytes[row * plane.pitchBytes + at];
      }
      tell({
        sequence: frame.sequence,
        epoch: frame.epoch,
        sum,
        ptsNs: frame.ptsNs,
        keyFrame: frame.flags.keyFrame,
        userData: new TextDecoder().decode(frame.userData),
        place: view.manifest.userData.place,
        color: frame.format.color.matrix,
        id: String(frame.id),
      });
    }
  },
  async list() {
    tell((await listChannels()).map(({ channel }) => channel));
  },
};
await jobs[given.job]();
