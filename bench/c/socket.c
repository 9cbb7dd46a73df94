/*
 * The round trip of two C processes over a Unix socket, both asleep in poll(2): 8 bytes each way.
 *
 *   socket WARM_UP TRIPS      prints the median round trip in microseconds
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/* 0 at the end of the other side. */
static int receive(int socket, uint64_t *payload) {
  struct pollfd wanted = {.fd = socket, .events = POLLIN};
  if (poll(&wanted, 1, -1) != 1) return 0;
  return read(socket, payload, sizeof *payload) == sizeof *payload;
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  uint64_t warm_up = strtoull(arguments[1], NULL, 10), trips = strtoull(arguments[2], NULL, 10);
  if (trips < 1 || trips > 10000000) return 2;
  int ends[2];
  double *times = calloc(trips, sizeof *times);
  if (times == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  pid_t child = fork();
  if (child < 0) return 1;
  uint64_t payload;
  if (child == 0) {
    close(ends[0]);
    while (receive(ends[1], &payload))
      if (write(ends[1], &payload, sizeof payload) != sizeof payload) break;
    _exit(0);
  }
  close(ends[1]);
  uint64_t before = now_ns();
  for (uint64_t i = 1; i <= warm_up + trips; i++) {
    if (write(ends[0], &i, sizeof i) != sizeof i) return 1;
    if (!receive(ends[0], &payload) || payload != i) return 1;
    uint64_t after = now_ns();
    if (i > warm_up) times[i - warm_up - 1] = (double)(after - before) / 1000.0;
    before = after;
  }
  qsort(times, trips, sizeof *times, by_size);
  printf("%.6f\n", times[trips / 2]);
  close(ends[0]);
  waitpid(child, NULL, 0);
  return 0;
}
