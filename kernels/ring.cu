/*
 * Writes batches of messages into a slots ring in host memory that the GPU reaches over PCIe. To its readers the GPU is
 * a writer like any other: slots first, then the head, once a batch, in the order of RingWriter.announce.
 *
 * Why no reader meets a half written message
 *
 * 1. A reader that sees the new head sees all slots before it. Every thread stores its part of a slot; bar.sync orders
 *    the stores of the block before what thread 0 does next; its fence.sc.sys followed by the atomic on `arrived` is a
 *    release, and the atomic followed by a fence in the thread that arrives last an acquire. So the stores of all blocks
 *    come before the head in causality order, which is transitive across the scopes (PTX ISA, Memory Consistency
 *    Model: release and acquire patterns, causality order; fences are cumulative). The fence of that thread and the
 *    relaxed store of the head at system scope are a release to the processor: its loads of the head acquire. In
 *    hardware the fence returns when the writes are past the point where PCIe, which keeps posted writes in order, could
 *    let the head overtake them.
 *
 * 2. A reader that copies first and then finds `head + writeAhead - position <= capacity` knows that its copy was not
 *    being rewritten. The host launches at most writeAhead slots at once, and all batches of a producer run in one
 *    stream, so the slots of a batch are stored after the kernel before it has ended. That one ends behind the fence that
 *    follows its head: whoever sees a byte of a batch finds at least the head that it was written ahead of.
 *
 * 3. What is reserved is published. Room is taken on the host before the launch, by the readers' cursors, so no kernel
 *    waits for a reader, and none leaves a hole whatever the contexts say: one that points outside the arena is cut to it
 *    and counted.
 *
 * A kernel that dies with its context leaves the head where the last whole batch put it.
 */
#include "ring-layout.h"

typedef unsigned int u32;
typedef unsigned long long u64;

#define PARAMETER const __grid_constant__

/* A message as it goes into the ring: prefix, text, suffix. */
struct Message {
  const unsigned char *text;
  const Style *style;
  u32 prefixLength;
  u32 textEnd; /* from the start of the message */
  u32 byteLength;
  u32 type;
};

/* Relaxed at system scope: seen whole, and by the processor. */
static __device__ __forceinline__ void store(u64 address, u32 value) {
  asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}

static __device__ __forceinline__ void storeDouble(u64 address, u64 value) {
  asm volatile("st.relaxed.sys.global.f64 [%0], %1;" ::"l"(address), "d"((double)value) : "memory");
}

static __device__ __forceinline__ u32 slotsOf(u32 byteLength) {
  return byteLength <= SLOT_PAYLOAD_BYTES ? 1 : (byteLength + SLOT_PAYLOAD_BYTES - 1) / SLOT_PAYLOAD_BYTES;
}

static __device__ __forceinline__ State *stateOf(const Batch &batch) {
  return (State *)batch.state;
}

/* The head that this batch begins at: of the host when it wrote last, else of the batch before. */
static __device__ __forceinline__ u64 headOf(const Batch &batch) {
  return batch.fresh ? batch.head : stateOf(batch)->head;
}

static __device__ __forceinline__ const Style *styleOf(const Batch &batch, u32 type) {
  return batch.styles ? (const Style *)batch.styles + type : nullptr;
}

/* Cuts a context to what there is; true when that changed it. Contexts may have been written by any kernel. */
static __device__ __forceinline__ bool clampContext(const Batch &batch, Context &context) {
  const Context given = context;
  context.type = given.type & KIND_TYPE_MASK;
  if (context.offset > batch.arenaBytes) {
    context.offset = 0;
    context.byteLength = 0;
  }
  const u64 left = batch.arenaBytes - context.offset;
  const Style *style = styleOf(batch, context.type);
  const u32 longest = batch.maxBytes - (style ? style->prefixLength + style->suffixLength : 0);
  if (context.byteLength > left) context.byteLength = (u32)left;
  if (context.byteLength > longest) context.byteLength = longest;
  return context.type != given.type || context.offset != given.offset ||
         context.byteLength != given.byteLength;
}

static __device__ __forceinline__ Message messageOf(const Batch &batch, const Context &context) {
  Message message;
  message.text = (const unsigned char *)batch.arena + context.offset;
  message.type = context.type;
  message.style = styleOf(batch, context.type);
  message.prefixLength = message.style ? message.style->prefixLength : 0;
  message.textEnd = message.prefixLength + context.byteLength;
  message.byteLength = message.textEnd + (message.style ? message.style->suffixLength : 0);
  return message;
}

static __device__ __forceinline__ u32 byteOf(const Message &message, u32 at) {
  if (at >= message.byteLength) return 0;
  if (at >= message.textEnd) return message.style->suffix[at - message.textEnd];
  if (at >= message.prefixLength) return message.text[at - message.prefixLength];
  return message.style->prefix[at];
}

/* 16 bytes of a message from `from` on; zeros behind its end. */
static __device__ __forceinline__ uint4 piece(const Message &message, u32 from) {
  if (from >= message.prefixLength && from + 16 <= message.textEnd) {
    const u64 address = (u64)message.text + (from - message.prefixLength);
    if ((address & 15) == 0) return *(const uint4 *)address;
    /*
     * Whole words, shifted together. The last word is read only when some of its bytes are wanted, so nothing outside
     * the words that hold the text is touched, and the arena ends on a word.
     */
    const u32 *words = (const u32 *)(address & ~3ull);
    const u32 shift = (u32)(address & 3) * 8;
    const u32 a = words[0], b = words[1], c = words[2], d = words[3];
    if (shift == 0) return make_uint4(a, b, c, d);
    const u32 e = words[4];
    return make_uint4(__funnelshift_r(a, b, shift), __funnelshift_r(b, c, shift),
                      __funnelshift_r(c, d, shift), __funnelshift_r(d, e, shift));
  }
  u32 words[4] = {0, 0, 0, 0};
  if (from < message.byteLength) {
#pragma unroll
    for (u32 i = 0; i < 16; i++) words[i / 4] |= byteOf(message, from + i) << (i % 4 * 8);
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

/*
 * One slot by 16 threads, 16 bytes each: full lines, so that the host's memory need not be read first. `part`: which
 * slot of the message.
 */
static __device__ __forceinline__ void writeSlot(const Batch &batch, u64 position, const Message &message, u32 part) {
  const u32 lane = threadIdx.x % LANES_PER_SLOT;
  const u32 from = part * SLOT_PAYLOAD_BYTES;
  uint4 value;
  if (lane == 0) {
    const u64 sequence = position + 1;
    value = make_uint4((u32)sequence, (u32)(sequence >> 32), message.byteLength - from,
                       message.type | (part > 0 ? KIND_CONTINUATION : 0));
  } else {
    value = piece(message, from + (lane - 1) * 16);
  }
  __syncwarp(0xffffu << (threadIdx.x & LANES_PER_SLOT)); /* one store, not one a branch */
  uint4 *slot = (uint4 *)(batch.ring + batch.recordsOffset + (position & batch.mask) * SLOT_BYTES);
  slot[lane] = value;
}

/*
 * By one thread, behind a fence that all slots of the batch are before. highA before the head and highB behind it, where
 * the low word carries; newestStart behind the head, so that it never names a message beyond it. The fence behind the
 * head serves both that order and point 2 above.
 */
static __device__ void announce(const Batch &batch, u64 head, u32 units, u32 last, u32 count, u64 bytes, u32 clamped) {
  State *state = stateOf(batch);
  const u64 next = head + units;
  const u64 words = batch.ring;
  const bool carried = (u32)next < units;
  if (carried) {
    store(words + HEADER_HIGH_A * 4, (u32)(next >> 32));
    __threadfence_system();
  }
  store(words + HEADER_HEAD * 4, (u32)next);
  __threadfence_system();
  if (carried) store(words + HEADER_HIGH_B * 4, (u32)(next >> 32));
  store(words + HEADER_NEWEST_START * 4, (u32)(head + last));
  const u64 published = (batch.fresh ? batch.published : state->published) + count;
  const u64 publishedBytes = (batch.fresh ? batch.bytes : state->bytes) + bytes;
  storeDouble(words + HEADER_PUBLISHED * 8, published);
  storeDouble(words + HEADER_BYTES * 8, publishedBytes);
  state->head = next;
  state->published = published;
  state->bytes = publishedBytes;
  const u64 result = batch.result;
  storeDouble(result + offsetof(Result, head), next);
  storeDouble(result + offsetof(Result, published), published);
  storeDouble(result + offsetof(Result, bytes), publishedBytes);
  store(result + offsetof(Result, newestStart), (u32)(head + last));
  store(result + offsetof(Result, units), units);
  store(result + offsetof(Result, clamped), clamped);
  /* The host takes the ring back when it sees the number: all of the above is there by then. */
  __threadfence_system();
  store(result + offsetof(Result, number), batch.number);
}

/* By thread 0 of each block, behind a bar.sync; true for the last one, behind its fence. */
static __device__ __forceinline__ bool arrivesLast(State *state) {
  __threadfence_system();
  if (atomicAdd(&state->arrived, 1) != gridDim.x - 1) return false;
  __threadfence_system();
  state->arrived = 0;
  return true;
}

/* Every message fits one slot: message i is slot i, and nothing needs to be planned. */
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) ring_write_uniform(PARAMETER Batch batch) {
  __shared__ Context contexts[SLOTS_PER_BLOCK];
  __shared__ u32 blockBytes, blockClamped;
  const u32 first = blockIdx.x * SLOTS_PER_BLOCK;
  const u64 head = headOf(batch);
  if (threadIdx.x == 0) blockBytes = blockClamped = 0;
  /* Together: contexts in host memory cross PCIe in full lines. */
  if (threadIdx.x < SLOTS_PER_BLOCK && first + threadIdx.x < batch.count) {
    contexts[threadIdx.x] = ((const Context *)batch.contexts)[first + threadIdx.x];
  }
  __syncthreads();
  const u32 own = threadIdx.x / LANES_PER_SLOT;
  if (first + own < batch.count) {
    Context context = contexts[own];
    const bool clamped = clampContext(batch, context);
    const Message message = messageOf(batch, context);
    writeSlot(batch, head + first + own, message, 0);
    if (threadIdx.x % LANES_PER_SLOT == 0) {
      atomicAdd(&blockBytes, message.byteLength);
      if (clamped) atomicAdd(&blockClamped, 1);
    }
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  State *state = stateOf(batch);
  atomicAdd(&state->batchBytes, (u64)blockBytes);
  if (blockClamped > 0) atomicAdd(&state->clamped, blockClamped);
  if (!arrivesLast(state)) return;
  const u64 bytes = atomicExch(&state->batchBytes, 0ull);
  announce(batch, head, batch.count, batch.count - 1, batch.count, bytes, atomicExch(&state->clamped, 0u));
}

/* Few messages of any length, their contexts in the parameters: one block, one launch from call to head. */
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) ring_write_small(PARAMETER SmallBatch small) {
  __shared__ Context contexts[SMALL_MESSAGES];
  __shared__ u32 batchBytes;
  const Batch &batch = small.batch;
  const u64 head = headOf(batch);
  if (threadIdx.x == 0) batchBytes = 0;
  if (threadIdx.x < batch.count) contexts[threadIdx.x] = small.contexts[threadIdx.x];
  __syncthreads();
  for (u32 slot = threadIdx.x / LANES_PER_SLOT; slot < batch.units; slot += SLOTS_PER_BLOCK) {
    u32 index = 0;
    for (u32 step = SMALL_MESSAGES / 2; step > 0; step /= 2) {
      if (index + step < batch.count && contexts[index + step].slot <= slot) index += step;
    }
    const Context context = contexts[index];
    const Message message = messageOf(batch, context);
    writeSlot(batch, head + slot, message, slot - context.slot);
    if (slot == context.slot && threadIdx.x % LANES_PER_SLOT == 0) atomicAdd(&batchBytes, message.byteLength);
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  __threadfence_system();
  announce(batch, head, batch.units, batch.last, batch.count, batchBytes, 0);
}

/* The sum over all lower threads of the block; `total`: over all. `sums`: one word a warp. */
static __device__ u32 sumBefore(u32 value, u32 *sums, u32 *total) {
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  u32 sum = value;
  for (u32 step = 1; step < 32; step *= 2) {
    const u32 other = __shfl_up_sync(~0u, sum, step);
    if (lane >= step) sum += other;
  }
  if (lane == 31) sums[warp] = sum;
  __syncthreads();
  if (warp == 0) {
    u32 of = sums[lane];
    for (u32 step = 1; step < 32; step *= 2) {
      const u32 other = __shfl_up_sync(~0u, of, step);
      if (lane >= step) of += other;
    }
    sums[lane] = of;
  }
  __syncthreads();
  const u32 before = (warp > 0 ? sums[warp - 1] : 0) + sum - value;
  *total = sums[31];
  __syncthreads();
  return before;
}

/* Where each message of a batch goes: one block adds up the slots. Leaves contexts cut to what there is in the plan. */
extern "C" __global__ void __launch_bounds__(PLAN_THREADS) ring_plan(PARAMETER Batch batch) {
  __shared__ u32 sums[32];
  __shared__ u32 clamped;
  __shared__ u64 bytes;
  if (threadIdx.x == 0) {
    clamped = 0;
    bytes = 0;
  }
  __syncthreads();
  Context *plan = (Context *)batch.plan;
  State *state = stateOf(batch);
  u32 units = 0;
  for (u32 first = 0; first < batch.count; first += PLAN_THREADS) {
    const u32 index = first + threadIdx.x;
    Context context = {};
    u32 needed = 0;
    if (index < batch.count) {
      context = ((const Context *)batch.contexts)[index];
      if (clampContext(batch, context)) atomicAdd(&clamped, 1);
      const u32 byteLength = messageOf(batch, context).byteLength;
      atomicAdd(&bytes, (u64)byteLength);
      needed = slotsOf(byteLength);
    }
    u32 total;
    const u32 slot = units + sumBefore(needed, sums, &total);
    if (index < batch.count) {
      context.slot = slot;
      plan[index] = context;
    }
    if (index == batch.count - 1) state->planLast = slot;
    units += total;
  }
  if (threadIdx.x != 0) return;
  state->planUnits = units;
  state->batchBytes = bytes;
  state->clamped = clamped;
}

/* Messages of any length by the plan, 16 threads a slot. Blocks beyond the plan only arrive. */
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) ring_write(PARAMETER Batch batch) {
  State *state = stateOf(batch);
  const Context *plan = (const Context *)batch.plan;
  const u64 head = headOf(batch);
  const u32 slot = blockIdx.x * SLOTS_PER_BLOCK + threadIdx.x / LANES_PER_SLOT;
  if (slot < state->planUnits) {
    /* The last message that starts at or before this slot. */
    u32 index = 0, end = batch.count;
    while (end - index > 1) {
      const u32 middle = index + (end - index) / 2;
      if (plan[middle].slot <= slot) {
        index = middle;
      } else {
        end = middle;
      }
    }
    const Context context = plan[index];
    writeSlot(batch, head + slot, messageOf(batch, context), slot - context.slot);
  }
  __syncthreads();
  if (threadIdx.x != 0 || !arrivesLast(state)) return;
  const u64 bytes = state->batchBytes;
  const u32 clamped = state->clamped;
  state->batchBytes = 0;
  state->clamped = 0;
  announce(batch, head, state->planUnits, state->planLast, batch.count, bytes, clamped);
}
