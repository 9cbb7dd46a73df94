/**
 * What the processor and a GPU do to the same frames: pictures in host memory that a kernel writes and the processor reads
 * in place, and pictures of the processor, copied to the GPU because the subscriber says so. Needs an NVIDIA GPU and NVRTC.
 */
import { openPublisher, openSubscriber, tensor } from 'sluice';
import { compileKernel, listDevices, Stream } from 'sluice/cuda';

const COUNT = 1 << 20;
const FORMAT = tensor('f32', [COUNT]);
const LAUNCH = { grid: COUNT / 256, block: 256 };

const SOURCE = `
__global__ void count(float *to, float first) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  to[i] = first + i;
}

__global__ void twice(const float *from, float *to) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  to[i] = 2 * from[i];
}
`;

for (const { index, name, uuid } of listDevices()) console.log(`cuda:${index} ${name} ${uuid}`);

await using stream = await Stream.create({ device: 0 });
using count = await compileKernel(SOURCE, 'count');
using twice = await compileKernel(SOURCE, 'twice');

/** Host memory that the GPU writes: nothing is copied after it, any process reads it without a GPU. */
async function writeToHost(): Promise<void> {
  await using results = await openPublisher('gpu/results', { format: FORMAT, device: 0, stream });
  await using view = await openSubscriber('gpu/results', { format: FORMAT });
  using loan = await results.loan();
  // loan.bytes is the same memory, as the processor sees it.
  count.launch({ ...LAUNCH, stream, args: [loan.pointer, { f32: 5 }] });
  loan.publish({ stream });
  using frame = await view.receive(); // once the kernel is through
  const { data } = frame.tensors.data;
  console.log(`results from ${data[0]} to ${data[COUNT - 1]}, in ${frame.memory} memory`);
  console.log(`${view.stats().bytesCopied} bytes copied`);
}

/** Frames of the processor on a GPU: each subscriber that wants them there copies them there. */
async function readFromHost(): Promise<void> {
  await using inputs = await openPublisher('cpu/inputs', { format: FORMAT });
  await using doubled = await openPublisher('gpu/doubled', { format: FORMAT, memory: 'cuda:0' });
  await using input = await openSubscriber('cpu/inputs', {
    format: FORMAT,
    copyTo: 'cuda:0',
    stream,
  });
  await using output = await openSubscriber('gpu/doubled', { format: FORMAT });

  inputs.send(Float32Array.from({ length: COUNT }, (_, i) => i));
  using frame = await input.receive(); // its copy is under way in the stream
  using loan = await doubled.loan();
  twice.launch({ ...LAUNCH, stream, args: [frame.pointer, loan.pointer] });
  loan.publish({ stream, source: frame });

  using result = await output.receive();
  await result.ready(); // a fence that the processor looks at
  const copy = await result.toHost();
  const { data } = copy.tensors.data;
  console.log(`doubled from ${data[0]} to ${data[COUNT - 1]}, in ${result.memory} memory`);
  console.log(`${input.stats().bytesCopied} bytes copied`);
}

await writeToHost();
await readFromHost();
