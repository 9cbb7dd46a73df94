/**
 * Messages that a GPU writes: a kernel makes the lines of 64 agents, other kernels put them into the ring that this
 * process reads. Starts the producer, prints some of what it said, and ends. Needs an NVIDIA GPU and NVRTC.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openPublisher, openSubscriber, text } from 'sluice';
import { compileKernel, DeviceBuffer, GpuProducer } from 'sluice/cuda';

const AGENTS = 64;
const STEPS = 100;
/** Bytes of the arena for each agent. */
const LINE_BYTES = 32;
const CONTEXT_BYTES = 16;

/** One thread an agent: a line into the arena, and where it lies into the contexts. */
const SOURCE = `
struct Context { unsigned int offset, byteLength, type, unused; };

__global__ void speak(char *arena, Context *contexts, int step, int lineBytes) {
  const int agent = threadIdx.x;
  char *line = arena + agent * lineBytes;
  const char words[] = "agent 00 does step 000";
  for (int i = 0; i < sizeof words - 1; i++) line[i] = words[i];
  line[6] += agent / 10; line[7] += agent % 10;
  line[19] += step / 100; line[20] += step / 10 % 10; line[21] += step % 10;
  contexts[agent] = { agent * (unsigned)lineBytes, sizeof words - 1, (unsigned)(agent % 2), 0 };
}
`;

async function produce(): Promise<void> {
  using speak = await compileKernel(SOURCE, 'speak');
  using contexts = DeviceBuffer.create(AGENTS * CONTEXT_BYTES);
  await using agents = await openPublisher('gpu/agents', { format: text(), layout: 'slots' });
  await using producer = await GpuProducer.open(agents, {
    arenaBytes: AGENTS * LINE_BYTES,
    styles: { 1: { prefix: '\x1b[36m', suffix: '\x1b[0m' } },
  });
  for await (const { subscribers } of agents.demand()) if (subscribers > 0) break;

  const { stream, arena } = producer;
  for (let step = 0; step < STEPS; step++) {
    const args = [arena.pointer, contexts.pointer, step, LINE_BYTES];
    speak.launch({ grid: 1, block: AGENTS, stream, args });
    // Behind the kernel in its stream. Until it resolves, texts and contexts must stay as they are.
    await producer.processBatch({ pointer: contexts.pointer, count: AGENTS, maxBytes: LINE_BYTES });
  }
  // Contexts can come from here as well: the last lines of two agents, once more.
  const { count } = await producer.processBatch([
    { offset: 0, byteLength: 22 },
    { offset: LINE_BYTES, byteLength: 22, type: 1 },
  ]);
  const { batches, messages, clamped } = producer.stats();
  console.log(`${messages} messages in ${batches} batches, ${count} in the last, ${clamped} cut`);
}

async function read(): Promise<void> {
  await using view = await openSubscriber('gpu/agents', { format: text(), whenLost: 'end' });
  let lines = 0;
  for await (const { value, sequence } of view) {
    lines += 1;
    if (sequence <= 2 || sequence > AGENTS * STEPS) console.log(`${sequence}: ${value}`);
  }
  console.log(`${lines} lines read, ${view.stats().lost} lost`);
}

if (process.argv[2] === 'produce') {
  await produce();
} else {
  const child = fork(fileURLToPath(import.meta.url), ['produce']);
  const end = once(child, 'exit') as Promise<[number | null]>;
  // Without its producer this process would wait for ever; what went wrong was said.
  void end.then(([code]) => code !== 0 && process.exit(1));
  await read();
  await end;
}
