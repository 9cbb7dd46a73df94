/*
 * The round trip of two C processes over shared memory: a word and 8 bytes of payload in each direction.
 *
 *   pingpong WARM_UP TRIPS      prints the median round trip in microseconds
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 50000

struct way {
  _Alignas(64) _Atomic uint32_t sequence;
  _Alignas(64) uint64_t payload;
};

static uint64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/* A bounded spin, then the core goes to whoever needs it. */
static uint64_t receive(struct way *way, uint32_t sequence) {
  uint64_t until = 0;
  for (;;) {
    for (int i = 0; i < 64; i++)
      if (atomic_load_explicit(&way->sequence, memory_order_acquire) == sequence)
        return way->payload;
    uint64_t now = now_ns();
    if (until == 0) until = now + SPIN_NS;
    else if (now > until) sched_yield();
  }
}

static void send_payload(struct way *way, uint32_t sequence, uint64_t payload) {
  way->payload = payload;
  atomic_store_explicit(&way->sequence, sequence, memory_order_release);
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  uint32_t warm_up = (uint32_t)strtoul(arguments[1], NULL, 10);
  uint32_t trips = (uint32_t)strtoul(arguments[2], NULL, 10);
  if (trips < 1 || trips > 10000000) return 2;
  struct way *ways = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  double *times = calloc(trips, sizeof *times);
  if (ways == MAP_FAILED || times == NULL) return 1;
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t i = 1;; i++) send_payload(&ways[1], i, receive(&ways[0], i));
  }
  uint64_t before = now_ns();
  for (uint32_t i = 1; i <= warm_up + trips; i++) {
    send_payload(&ways[0], i, i);
    if (receive(&ways[1], i) != i) abort();
    uint64_t after = now_ns();
    if (i > warm_up) times[i - warm_up - 1] = (double)(after - before) / 1000.0;
    before = after;
  }
  qsort(times, trips, sizeof *times, by_size);
  printf("%.6f\n", times[trips / 2]);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return 0;
}
