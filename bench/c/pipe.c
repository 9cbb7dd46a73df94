/*
 * Raw pictures out of a pipe into shared memory and nothing else: what no reader of an unmodified ffmpeg can do without.
 * Takes bytes a picture and the number of pictures, and prints the CPU time a picture in ms. In: standard input.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, WARM = 10, PAUSE_NS = 1000000 };

static double cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

int main(int count, char **words) {
  if (count != 3) return 2;
  const size_t bytes = strtoul(words[1], NULL, 10);
  const int pictures = atoi(words[2]);
  const int memory = memfd_create("pictures", MFD_CLOEXEC);
  if (memory < 0 || ftruncate(memory, bytes * SLOTS) != 0) return 1;
  char *slots = mmap(NULL, bytes * SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory, 0);
  if (slots == MAP_FAILED) return 1;
  double before = 0;
  for (int picture = 0; picture < WARM + pictures; picture++) {
    if (picture == WARM) before = cpu_ms();
    char *slot = slots + bytes * (picture % SLOTS);
    for (size_t filled = 0; filled < bytes;) {
      const ssize_t got = read(STDIN_FILENO, slot + filled, bytes - filled);
      if (got <= 0) return 1;
      filled += got;
      /* Fewer and larger pieces cost less: let the pipe fill. */
      const struct timespec pause = {0, PAUSE_NS};
      if (filled < bytes) nanosleep(&pause, NULL);
    }
  }
  printf("%.4f\n", (cpu_ms() - before) / pictures);
  return 0;
}
