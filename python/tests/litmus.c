/* Store, barrier, load on two threads: without a full barrier both can load 0, on x86-64 already. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile uint32_t x __attribute__((aligned(64))), y __attribute__((aligned(64)));
static volatile uint32_t seen_x, seen_y, round_a, round_b;
static pthread_spinlock_t private_lock[2];
static const char *way;

static void barrier(int self) {
  if (!strcmp(way, "locked")) pthread_spin_trylock(&private_lock[self]);
  if (!strcmp(way, "membarrier")) syscall(SYS_membarrier, 1 << 1, 0, 0);
}

static void *other(void *rounds) {
  for (uint32_t i = 1; i <= (uint32_t)(uintptr_t)rounds; i++) {
    while (round_a != i) {}
    y = 1;
    __asm__ volatile("" ::: "memory");
    barrier(1);
    seen_x = x;
    __atomic_store_n(&round_b, i, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

int main(int count, char **words) {
  uint32_t rounds = count > 2 ? (uint32_t)atoi(words[2]) : 100000;
  long wrong = 0;
  pthread_t thread;
  way = count > 1 ? words[1] : "none";
  pthread_spin_init(&private_lock[0], 0);
  pthread_spin_init(&private_lock[1], 0);
  if (!strcmp(way, "membarrier")) syscall(SYS_membarrier, 1 << 2, 0, 0);
  pthread_create(&thread, NULL, other, (void *)(uintptr_t)rounds);
  for (uint32_t i = 1; i <= rounds; i++) {
    x = 0;
    y = 0;
    __atomic_store_n(&round_a, i, __ATOMIC_SEQ_CST);
    x = 1;
    __asm__ volatile("" ::: "memory");
    barrier(0);
    seen_y = y;
    while (__atomic_load_n(&round_b, __ATOMIC_SEQ_CST) != i) {}
    wrong += seen_x == 0 && seen_y == 0;
  }
  pthread_join(thread, NULL);
  printf("%ld\n", wrong);
  return 0;
}
