/** Rows of pixels as a row a component, and back. */
import { type Code, v128 } from '../wasm/instructions.js';
import { KernelBuilder, type Local } from '../wasm/module-encoder.js';
import type { SampleBytes } from './row-kernels.js';

const VECTOR_BYTES = 16;

export function splitName(channels: number, elementBytes: number): string {
  return `split${channels}x${elementBytes}`;
}

export function joinName(channels: number, elementBytes: number): string {
  return `join${channels}x${elementBytes}`;
}

/**
 * `wanted`: for each byte of a vector the byte of `sources` put behind each other that it is. Two sources at a time are
 * shuffled: what is known so far, and the next one.
 */
function gathered(sources: readonly Code[], wanted: readonly number[]): Code {
  const all = Array.from({ length: VECTOR_BYTES }, (_, byte) => byte);
  const first = Math.min(...wanted.map((byte) => byte >> 4));
  let known = sources[first]!;
  let places = wanted.map((byte) => (byte >> 4 === first ? byte & 15 : undefined));
  for (let next = first + 1; next < sources.length; next++) {
    if (!wanted.some((byte) => byte >> 4 === next)) continue;
    const lanes = all.map((byte) => {
      if (wanted[byte]! >> 4 === next) return VECTOR_BYTES + (wanted[byte]! & 15);
      return places[byte] ?? 0;
    });
    known = v128.shuffle(known, sources[next]!, lanes);
    places = all.map((byte) => (wanted[byte]! >> 4 <= next ? byte : undefined));
  }
  return known;
}

/** (target × min(channels, 3), source, pixels): the fourth channel is alpha, which nobody asks for. */
function splitKernel(channels: 2 | 3 | 4, elementBytes: SampleBytes): KernelBuilder {
  const outputs = Math.min(channels, 3);
  const kernel = new KernelBuilder(splitName(channels, elementBytes), outputs + 2);
  const targets = kernel.parameters.slice(0, outputs);
  const [source, count] = kernel.parameters.slice(outputs) as [Local, Local];
  const loaded = Array.from({ length: channels }, () => kernel.vector());
  const made = targets.map((_, channel) => {
    const wanted = Array.from({ length: VECTOR_BYTES }, (__, byte) => {
      const pixel = Math.floor(byte / elementBytes);
      return (pixel * channels + channel) * elementBytes + (byte % elementBytes);
    });
    return gathered(
      loaded.map((vector) => vector.get),
      wanted,
    );
  });
  kernel.repeat(count, VECTOR_BYTES / elementBytes, [
    ...loaded.map((vector, index) => vector.set(v128.load(source.get, index * VECTOR_BYTES))),
    ...targets.map((target, channel) => v128.store(target.get, 0, made[channel]!)),
    ...targets.map((target) => target.advance(VECTOR_BYTES)),
    source.advance(channels * VECTOR_BYTES),
  ]);
  return kernel;
}

/** (target, source × channels, pixels) */
function joinKernel(channels: 2 | 3 | 4, elementBytes: SampleBytes): KernelBuilder {
  const kernel = new KernelBuilder(joinName(channels, elementBytes), channels + 2);
  const [target, ...rest] = kernel.parameters as [Local, ...Local[]];
  const count = rest.pop() as Local;
  const loaded = rest.map(() => kernel.vector());
  const stores = loaded.map((_, part) => {
    const wanted = Array.from({ length: VECTOR_BYTES }, (__, byte) => {
      const element = Math.floor((part * VECTOR_BYTES + byte) / elementBytes);
      const [pixel, channel] = [Math.floor(element / channels), element % channels];
      return channel * VECTOR_BYTES + pixel * elementBytes + (byte % elementBytes);
    });
    const vectors = loaded.map((vector) => vector.get);
    return v128.store(target.get, part * VECTOR_BYTES, gathered(vectors, wanted));
  });
  kernel.repeat(count, VECTOR_BYTES / elementBytes, [
    ...loaded.map((vector, channel) => vector.set(v128.load(rest[channel]!.get))),
    ...stores,
    ...rest.map((source) => source.advance(VECTOR_BYTES)),
    target.advance(channels * VECTOR_BYTES),
  ]);
  return kernel;
}

export function interleaveKernels(): readonly KernelBuilder[] {
  return ([2, 3, 4] as const).flatMap((channels) =>
    ([1, 2] as const).flatMap((bytes) => [
      splitKernel(channels, bytes),
      joinKernel(channels, bytes),
    ]),
  );
}
