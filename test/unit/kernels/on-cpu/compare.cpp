/*
 * Runs the kernels of ring.cu and their twin of the simulator on the same random batches, several behind each other,
 * and compares every byte of the rings, the results and the states: compare ROUNDS
 */
#include <functional>
#include <random>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread>
#include <vector>

#include "cuda-on-cpu.h"
#include "ring-layout.h"

extern "C" {
struct launch {
  const void *parameter;
};
void ring_write_uniform(const Batch batch);
void ring_write_small(const SmallBatch small);
void ring_plan(const Batch batch);
void ring_write(const Batch batch);
void twin_ring_write_uniform(launch *);
void twin_ring_write_small(launch *);
void twin_ring_plan(launch *);
void twin_ring_write(launch *);
}

enum Kind { UNIFORM, SMALL, PLANNED };

static std::mt19937 generator;

static unsigned below(unsigned end) {
  return (unsigned)(generator() % end);
}

static void runGrid(unsigned blocks, unsigned threads, const std::function<void()> &kernel) {
  gridDim = {blocks};
  pthread_barrier_init(&blockBarrier, nullptr, threads);
  for (auto &barrier : warpBarriers) pthread_barrier_init(&barrier, nullptr, 32);
  std::vector<std::thread> all;
  for (unsigned thread = 0; thread < threads; thread++) {
    all.emplace_back([=] {
      threadIdx = {thread};
      for (unsigned block = 0; block < blocks; block++) {
        blockIdx = {block};
        kernel();
        pthread_barrier_wait(&blockBarrier); /* shared memory is the same for all blocks */
      }
    });
  }
  for (auto &thread : all) thread.join();
}

/* What one of the two writes to. */
struct World {
  std::vector<char> memory;
  char *ring;
  State state = {};
  Result result = {};
  std::vector<Context> plan;
};

struct Case {
  unsigned slots, writeAhead, arenaBytes;
  unsigned long long head;
  bool styled;
  Style styles[STYLE_COUNT];
  char *arena;

  unsigned overhead(unsigned type) const {
    return styled ? styles[type].prefixLength + styles[type].suffixLength : 0;
  }
};

static Case randomCase() {
  Case made = {};
  made.slots = 32u << below(5);
  made.writeAhead = made.slots / 4;
  made.arenaBytes = 16 + below(6000);
  const unsigned long long heads[] = {(1ull << 32) - below(made.writeAhead), below(9999), 5ull << 32};
  made.head = heads[below(3)];
  made.styled = below(2);
  for (auto &style : made.styles) {
    style.prefixLength = (unsigned char)below(PREFIX_BYTES + 1);
    style.suffixLength = (unsigned char)below(SUFFIX_BYTES + 1);
    for (auto &byte : style.prefix) byte = (unsigned char)below(256);
    for (auto &byte : style.suffix) byte = (unsigned char)below(256);
  }
  /* To the byte what a producer allocates: a sanitizer sees what lies behind it. */
  const unsigned aligned = (made.arenaBytes + 15) / 16 * 16;
  made.arena = (char *)aligned_alloc(16, aligned);
  for (unsigned i = 0; i < aligned; i++) made.arena[i] = (char)below(256);
  return made;
}

/* Within the arena and at most `longest` with its style. */
static Context validContext(const Case &in, unsigned longest) {
  const unsigned type = below(256);
  const unsigned most = longest - in.overhead(type);
  const unsigned bytes = below((most < in.arenaBytes ? most : in.arenaBytes) + 1);
  return {below(in.arenaBytes - bytes + 1), bytes, type, 0};
}

/* What a kernel might make by mistake. */
static Context wildContext(const Case &in, unsigned longest) {
  return {below(3) ? below(in.arenaBytes + 9) : (unsigned)generator(),
          below(3) ? below(longest + 99) : (unsigned)generator(), below(300), (unsigned)generator()};
}

/* Fills the parts of a batch that say what is in it. */
static std::vector<Context> randomBatch(const Case &in, Kind kind, Batch &batch) {
  std::vector<Context> contexts;
  const unsigned longest = in.writeAhead * SLOT_PAYLOAD_BYTES;
  batch.maxBytes = kind == SMALL ? longest : 24 + below((kind == UNIFORM ? SLOT_PAYLOAD_BYTES : longest) - 23);
  const unsigned each = kind == SMALL ? 1 : (batch.maxBytes + SLOT_PAYLOAD_BYTES - 1) / SLOT_PAYLOAD_BYTES;
  const unsigned most = kind == SMALL ? SMALL_MESSAGES : in.writeAhead / each;
  const bool wild = kind != SMALL && below(2);
  batch.units = batch.last = 0;
  for (unsigned count = 1 + below(most); count > 0; count--) {
    const unsigned bound = below(2) ? batch.maxBytes : 24 + below(batch.maxBytes - 23);
    Context context = wild ? wildContext(in, bound) : validContext(in, bound);
    unsigned units = each;
    if (kind == SMALL) {
      const unsigned bytes = context.byteLength + in.overhead(context.type);
      units = bytes == 0 ? 1 : (bytes + SLOT_PAYLOAD_BYTES - 1) / SLOT_PAYLOAD_BYTES;
      context.slot = batch.units;
    }
    if (batch.units + units > in.writeAhead) break;
    batch.last = batch.units;
    batch.units += units;
    contexts.push_back(context);
  }
  batch.count = (unsigned)contexts.size();
  return contexts;
}

static void runKernels(Kind kind, const SmallBatch &small) {
  const Batch &batch = small.batch;
  const unsigned blocks = (batch.units + SLOTS_PER_BLOCK - 1) / SLOTS_PER_BLOCK;
  if (kind == UNIFORM) runGrid(blocks, BLOCK_THREADS, [&] { ring_write_uniform(batch); });
  if (kind == SMALL) runGrid(1, BLOCK_THREADS, [&] { ring_write_small(small); });
  if (kind != PLANNED) return;
  runGrid(1, PLAN_THREADS, [&] { ring_plan(batch); });
  runGrid(blocks, BLOCK_THREADS, [&] { ring_write(batch); });
}

static void runTwins(Kind kind, const SmallBatch &small) {
  launch launched = {&small};
  if (kind == UNIFORM) twin_ring_write_uniform(&launched);
  if (kind == SMALL) twin_ring_write_small(&launched);
  if (kind != PLANNED) return;
  twin_ring_plan(&launched);
  twin_ring_write(&launched);
}

static bool roundAgrees(unsigned round) {
  generator.seed(round);
  const Case in = randomCase();
  const size_t ringBytes = 256 + (size_t)in.slots * SLOT_BYTES;
  World worlds[2];
  for (auto &world : worlds) {
    world.memory.assign(ringBytes + 256, 'x');
    world.ring = (char *)(((uintptr_t)world.memory.data() + 255) / 256 * 256);
    world.plan.resize(in.writeAhead);
  }
  for (unsigned number = 1; number <= 3; number++) {
    const Kind kind = (Kind)below(3);
    SmallBatch small = {};
    Batch &batch = small.batch;
    const std::vector<Context> contexts = randomBatch(in, kind, batch);
    batch.contexts = (uint64_t)contexts.data();
    batch.arena = (uint64_t)in.arena;
    batch.styles = in.styled ? (uint64_t)in.styles : 0;
    batch.arenaBytes = in.arenaBytes;
    batch.head = in.head;
    batch.published = 3;
    batch.bytes = 5;
    batch.fresh = number == 1;
    batch.mask = in.slots - 1;
    batch.recordsOffset = 256;
    batch.number = number;
    for (size_t i = 0; kind == SMALL && i < contexts.size(); i++) small.contexts[i] = contexts[i];
    for (int which = 0; which < 2; which++) {
      World &world = worlds[which];
      batch.ring = (uint64_t)world.ring;
      batch.state = (uint64_t)&world.state;
      batch.result = (uint64_t)&world.result;
      batch.plan = (uint64_t)world.plan.data();
      if (which == 0) runKernels(kind, small);
      else runTwins(kind, small);
    }
    const World &kernel = worlds[0], &twin = worlds[1];
    if (memcmp(kernel.ring, twin.ring, ringBytes) == 0 &&
        memcmp(&kernel.result, &twin.result, sizeof(Result)) == 0 &&
        memcmp(&kernel.state, &twin.state, sizeof(State)) == 0)
      continue;
    const char *const names[] = {"uniform", "small", "planned"};
    printf("round %u, batch %u (%s): they differ\n", round, number, names[kind]);
    return false;
  }
  free(in.arena);
  return true;
}

int main(int count, char **words) {
  const unsigned rounds = count > 1 ? (unsigned)atoi(words[1]) : 10;
  unsigned differing = 0;
  for (unsigned round = 1; round <= rounds; round++) differing += !roundAgrees(round);
  printf("%u of %u rounds differ\n", differing, rounds);
  return differing > 0;
}
