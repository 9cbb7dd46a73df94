/* As much of CUDA as the kernels of kernels/ use, on threads of the processor: one block at a time, a thread each. */
#ifndef CUDA_ON_CPU_H
#define CUDA_ON_CPU_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define __device__
#define __forceinline__ inline
#define __global__
#define __launch_bounds__(threads)
#define __grid_constant__
#define __shared__ static

struct Dimensions {
  unsigned x, y, z;
};
inline thread_local Dimensions threadIdx, blockIdx;
inline Dimensions gridDim;
inline pthread_barrier_t blockBarrier, warpBarriers[32];
inline unsigned shuffled[1024];

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}

static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return (unsigned)((((uint64_t)high << 32) | low) >> (shift & 31));
}

static inline void __syncthreads() {
  pthread_barrier_wait(&blockBarrier);
}

static inline void __syncwarp(unsigned) {}

static inline void __threadfence_system() {
  __sync_synchronize();
}

static inline unsigned __shfl_up_sync(unsigned, unsigned value, unsigned step) {
  pthread_barrier_t *barrier = &warpBarriers[threadIdx.x / 32];
  shuffled[threadIdx.x] = value;
  pthread_barrier_wait(barrier);
  const unsigned found = threadIdx.x % 32 >= step ? shuffled[threadIdx.x - step] : value;
  pthread_barrier_wait(barrier);
  return found;
}

template <class T, class U>
static inline T atomicAdd(T *word, U value) {
  return __atomic_fetch_add(word, (T)value, __ATOMIC_SEQ_CST);
}

template <class T>
static inline T atomicExch(T *word, T value) {
  return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

#endif
