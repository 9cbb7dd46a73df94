import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MessagePublisher, packets, type PacketFormat } from '../../../src/index.js';
import { openPackets, type Packet } from '../../../src/video.js';
import { PacketGate } from '../../../src/video/packets/packet-gate.js';
import { Bench } from '../bus/bench.js';

const GROUP = 5;

function send(publisher: MessagePublisher<PacketFormat>, from: number, to: number): void {
  for (let index = from; index < to; index += 1) {
    const times = { ptsNs: index * 40, dtsNs: index * 40 - 40, captureTimeNs: index };
    const about = { id: BigInt(index + 1), keyFrame: index % GROUP === 0 };
    assert.ok(publisher.trySend(Uint8Array.of(index), { ...about, ...times }));
  }
}

const source = (bench: Bench): Promise<MessagePublisher<PacketFormat>> =>
  bench.publisher('camera/door/packets', {
    format: packets({ codec: 'h264' }),
    whenFull: 'overwrite',
  });

describe('packets', () => {
  it('begin at the newest key frame of the ring, at the oldest, or at the next', async (test) => {
    const bench = new Bench(test);
    const { directory } = bench;
    const publisher = await source(bench);
    send(publisher, 1, 13);
    const first = { newest: 10, oldest: 5, next: 15 } as const;
    for (const [start, index] of Object.entries(first)) {
      const options = { directory, start: start as keyof typeof first };
      const reader = bench.own(await openPackets('camera/door/packets', options));
      if (start === 'next') send(publisher, 13, 17);
      const packet = await reader.receive();
      assert.deepEqual(
        [packet.bytes[0], packet.keyFrame, packet.discontinuity],
        [index, true, true],
      );
      const { bytes, id, ptsNs, dtsNs, captureTimeNs, discontinuity } = await reader.receive();
      assert.deepEqual([bytes[0], id, discontinuity], [index + 1, BigInt(index + 2), false]);
      assert.deepEqual([ptsNs, dtsNs, captureTimeNs], [(index + 1) * 40, index * 40, index + 1]);
    }
  });

  it('come as a loop, on to the end of the channel', async (test) => {
    const bench = new Bench(test);
    const publisher = await source(bench);
    send(publisher, 0, 7);
    const options = { directory: bench.directory, whenLost: 'end' } as const;
    const reader = bench.own(await openPackets('camera/door/packets', options));
    send(publisher, 7, 9);
    await publisher.close();
    const seen: (number | undefined)[] = [];
    for await (const { bytes } of reader) seen.push(bytes[0]);
    assert.deepEqual(seen, [5, 6, 7, 8]);
  });

  it('go on at a key frame after a hole, and after another publisher', () => {
    const gate = new PacketGate<Pick<Packet, 'sequence' | 'keyFrame' | 'discontinuity'>>();
    const give = (sequence: number, keyFrame: boolean): (number | boolean)[] => {
      gate.push({ sequence, keyFrame, discontinuity: false });
      const packet = gate.next();
      return packet === undefined ? [] : [packet.sequence, packet.discontinuity];
    };
    assert.deepEqual(give(1, false), []);
    assert.deepEqual(give(2, true), [2, true]);
    assert.deepEqual(give(3, false), [3, false]);
    assert.deepEqual(give(5, false), [], 'its picture lacks the one before');
    assert.deepEqual(give(6, false), []);
    assert.deepEqual(give(7, true), [7, true]);
    gate.restart();
    assert.deepEqual(give(8, false), []);
  });
});
