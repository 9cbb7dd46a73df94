/*
 * What C reaches with the ring that Sluice's slots layout has: 4096 slots of 256 bytes between a process and its child,
 * head and cursor on cache lines of their own.
 *
 *   ring BATCH WARM_UP_MS DURATION_MS      prints millions of 240-byte messages a second
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* BITE: messages that the consumer takes before it moves its cursor, as Sluice's consumer does. */
enum { SLOTS = 4096, PAYLOAD = 240, MOST = 64, BITE = 256, DATA = 1, END = 2 };
#define SPIN_NS 50000

struct slot {
  uint64_t sequence;
  uint32_t length;
  uint32_t kind;
  uint8_t payload[PAYLOAD];
};

struct ring {
  _Alignas(64) _Atomic uint64_t head;
  _Alignas(64) _Atomic uint64_t cursor;
  /* Ends of phases as the consumer saw them. */
  _Alignas(64) _Atomic uint64_t ended;
  uint64_t received;
  uint64_t ended_ns;
  _Alignas(256) struct slot slots[SLOTS];
};

static struct ring *ring;
static uint8_t messages[MOST][PAYLOAD];
static uint64_t head;
static uint64_t room_until = SLOTS;

static uint64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void pause_cpu(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/* Waits until *word reaches at least `least`: a bounded spin, then the core goes to whoever needs it. */
static uint64_t wait_for(_Atomic uint64_t *word, uint64_t least) {
  uint64_t until = 0;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      uint64_t value = atomic_load_explicit(word, memory_order_acquire);
      if (value >= least) return value;
      pause_cpu();
    }
    uint64_t now = now_ns();
    if (until == 0) until = now + SPIN_NS;
    else if (now > until) sched_yield();
  }
}

static void send_batch(uint64_t batch, uint32_t kind) {
  if (head + batch > room_until)
    room_until = wait_for(&ring->cursor, head + batch - SLOTS) + SLOTS;
  for (uint64_t i = 0; i < batch; i++) {
    struct slot *slot = &ring->slots[(head + i) % SLOTS];
    memcpy(slot->payload, messages[i], PAYLOAD);
    slot->length = PAYLOAD;
    slot->kind = kind;
    slot->sequence = head + i + 1;
  }
  head += batch;
  atomic_store_explicit(&ring->head, head, memory_order_release);
}

static void consume(void) {
  uint64_t position = 0, received = 0, sum = 0;
  for (;;) {
    uint64_t end = wait_for(&ring->head, position + 1);
    int ended = 0;
    if (end > position + BITE) end = position + BITE;
    for (; position < end; position++) {
      struct slot *slot = &ring->slots[position % SLOTS];
      if (slot->length > PAYLOAD) abort();
      received += 1;
      sum += slot->payload[0];
      if (slot->kind == END) ended = 1;
    }
    atomic_store_explicit(&ring->cursor, position, memory_order_release);
    if (!ended) continue;
    if (sum != received) abort();
    ring->received = received;
    ring->ended_ns = now_ns();
    received = sum = 0;
    atomic_fetch_add(&ring->ended, 1);
  }
}

static double phase(uint64_t batch, uint64_t duration_ms) {
  uint64_t ended = atomic_load(&ring->ended), start = now_ns();
  while (now_ns() < start + duration_ms * 1000000u)
    for (uint64_t sent = 0; sent < 4096; sent += batch) send_batch(batch, DATA);
  send_batch(1, END);
  wait_for(&ring->ended, ended + 1);
  return (double)ring->received * 1000.0 / (double)(ring->ended_ns - start);
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  uint64_t batch = strtoull(arguments[1], NULL, 10);
  if (batch < 1 || batch > MOST) return 2;
  ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE,
              -1, 0);
  if (ring == MAP_FAILED) return 1;
  memset(messages, 1, sizeof messages);
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    consume();
  }
  phase(batch, strtoull(arguments[2], NULL, 10));
  printf("%.6f\n", phase(batch, strtoull(arguments[3], NULL, 10)));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return 0;
}
