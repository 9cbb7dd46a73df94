/* What tests and benchmarks run on a GPU: known words, a check of every one of them, work that takes a known time. */

typedef unsigned int u32;
typedef unsigned long long u64;

/* Word i of a stamped buffer. A multiple of an odd constant, so that two seeds differ in every word. */
static __device__ __forceinline__ u32 wordOf(u32 seed, u64 i) {
  return seed * 2654435761u + (u32)i;
}

static __device__ __forceinline__ u64 firstOfThread() {
  return (u64)blockIdx.x * blockDim.x + threadIdx.x;
}

static __device__ __forceinline__ u64 threadsOfGrid() {
  return (u64)gridDim.x * blockDim.x;
}

extern "C" __global__ void stamp(u64 pointer, u64 words, u32 seed) {
  u32 *const to = (u32 *)pointer;
  for (u64 i = firstOfThread(); i < words; i += threadsOfGrid()) to[i] = wordOf(seed, i);
}

/* Adds to *(u32 *)result how many words are not what stamp() with this seed writes. */
extern "C" __global__ void check(u64 pointer, u64 words, u32 seed, u64 result) {
  const volatile u32 *const from = (const volatile u32 *)pointer;
  u32 wrong = 0;
  for (u64 i = firstOfThread(); i < words; i += threadsOfGrid()) wrong += from[i] != wordOf(seed, i);
  if (wrong > 0) atomicAdd((u32 *)result, wrong);
}

/* Keeps its stream busy. %globaltimer counts ns; its step is about 1 us and may be 32 us on older devices. */
extern "C" __global__ void delay(u64 microseconds) {
  u64 start, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < microseconds * 1000);
}

extern "C" __global__ void store32(u64 pointer, u32 value) {
  if (firstOfThread() == 0) *(volatile u32 *)pointer = value;
}
