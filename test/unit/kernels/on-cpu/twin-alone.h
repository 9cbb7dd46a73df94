/* What the kernels of test/cuda-simulator need of the simulator: every address is one of this process. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPEN_READ, OPEN_WRITE };

struct launch {
  const void *parameter;
};

static inline void *device_memory(struct launch *launch, uint64_t address, uint64_t length, int mode) {
  (void)launch, (void)length, (void)mode;
  return (void *)address;
}

#define PARAMETER(launch, index, type) (*(type *)(launch)->parameter)
#define SIMULATED_KERNEL(name, ...) void twin_##name(struct launch *launch)
