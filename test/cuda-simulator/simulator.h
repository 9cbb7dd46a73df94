/*
 * Inside of the simulator: a CUDA driver over host memory, for tests on machines that have no GPU.
 *
 *   driver.c   configuration, injected failures, errors, devices, contexts, handles
 *   memory.c   the table of what a device may touch; plain device memory
 *   shared.c   shared allocations
 *   host.c     registered host memory
 *   streams.c  streams (a thread each), fences
 *   events.c   events
 *   copies.c   copies and fills
 *   kernels.c  modules, launches, the kernels of the tests; more kernels may stand in files of their own
 *
 * Device addresses are reserved address space that the host cannot touch, as on a real machine; the bytes lie in
 * another mapping, which only an access that the table allows is told (memory_open). So a stray access is the
 * sticky error 700 of its context and never a signal, and a host read of a device address is a signal, as it should be.
 *
 * One lock guards everything but the bytes. It is held for short times: streams move bytes and poll without it.
 */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "calls.h"

enum { DEVICES_MAX = 16, ACCESSES_MAX = 32, PARAMETERS_MAX = 24, PARAMETER_BYTES_MAX = 4096 };

#define GRANULARITY_BYTES ((uint64_t)2 << 20)
#define PAGE_BYTES ((uint64_t)4096)

/* --- driver.c --- */

struct configuration {
  int devices;           /* of the machine: SLUICE_SIMULATED_GPUS */
  int visible_devices;   /* of this process: CUDA_VISIBLE_DEVICES */
  int visible[DEVICES_MAX];
  bool peers;            /* SLUICE_SIMULATED_PEERS */
  bool separate_pointers; /* SLUICE_SIMULATED_SEPARATE_POINTERS */
  bool unregister_faults; /* SLUICE_SIMULATED_UNREGISTER=fault */
  uint64_t bytes;        /* a device: SLUICE_SIMULATED_BYTES */
  uint64_t copy_us_per_mib; /* SLUICE_SIMULATED_COPY_US_PER_MIB */
};

struct context {
  int device; /* of the machine, as everywhere inside */
  int retained;
  CUcontext handle;
  atomic_int failure; /* the sticky error; also 709 once released, which stops the streams */
  bool peer_enabled[DEVICES_MAX];
  struct stream *streams; /* all but the default one */
  struct stream *standard; /* the legacy default stream */
};

extern pthread_mutex_t simulator_lock;
extern pthread_cond_t simulator_progress; /* a job ended, or a context failed */
extern struct configuration configuration;

CUresult enter(const char *call, atomic_uint *calls, bool needs_init);
int simulator_guard(void);
void simulator_unguard(int *guard);

/* The start of every call: the failure that a test asked for, and cuInit first. */
#define ENTER_WITH(needs_init)                                   \
  static atomic_uint calls_of_this;                              \
  CUresult refusal = enter(__func__, &calls_of_this, needs_init); \
  if (refusal != CUDA_SUCCESS) return refusal
#define ENTER() ENTER_WITH(true)

/* Holds the lock until the end of the block. */
#define GUARD() __attribute__((cleanup(simulator_unguard), unused)) int guard = simulator_guard()

/* The rest is called with the lock held, but for what says otherwise. */

enum kind { KIND_CONTEXT = 1, KIND_STREAM, KIND_EVENT, KIND_MODULE, KIND_FUNCTION, KIND_ALLOCATION };

/* A handle is never used twice: whatever is called with one that has ended is found. */
uint64_t handle_create(enum kind kind, void *object);
void *handle_find(enum kind kind, uint64_t handle);
void handle_end(uint64_t handle);

/* The device of the machine behind a device of the process, or -1. */
int physical_device(CUdevice device);
CUdevice visible_device(int physical);
bool can_access_peer(int device, int owner);

/* The context of this thread: an error when there is none, and its sticky error when it has failed. */
CUresult current_context(struct context **context);
CUresult context_failure(struct context *context);
/* Waits for all that its streams have been given. */
CUresult context_drain(struct context *context);
void context_fail(struct context *context, CUresult failure);

/* --- memory.c --- */

enum range_kind { RANGE_SHARED, RANGE_PLAIN, RANGE_HOST };

/* Consecutive bytes that devices may touch. */
struct range {
  struct range *next;
  enum range_kind kind;
  uint64_t device_address;
  uint64_t host_address; /* of host memory; else 0 */
  uint64_t length;
  char *storage; /* where the bytes are for the simulator */
  void *storage_mapping; /* what to unmap at the end, with its length; or NULL */
  size_t storage_mapping_length;
  int device;            /* where the bytes are, or whose context registered them */
  unsigned char access[DEVICES_MAX]; /* by device: 0, 1 read, 3 read and write */
  struct context *context; /* of plain and registered memory */
  struct allocation *allocation; /* of a shared mapping */
  int users;               /* accesses under way: the storage outlives the range until they end */
  atomic_bool gone;
};

enum { OPEN_READ = 1, OPEN_WRITE = 3, OPEN_ANY_DEVICE = 4 };

struct access {
  struct range *range;
  char *bytes;
};

/* The range that holds all these bytes if `context` may touch them so; NULL otherwise. */
struct range *memory_find(struct context *context, uint64_t address, uint64_t length, int mode);
struct range *memory_find_host(const void *pointer, uint64_t length);
bool memory_is_device(uint64_t address);
void memory_end_context(struct context *context);

/* These take the lock themselves. False: the access is a fault; memory_close says it of memory that went meanwhile. */
bool memory_open(struct context *context, uint64_t address, uint64_t length, int mode,
                 struct access *access);
bool memory_close(struct access *access);

/* What a stream operation that memory_open refused ends in: 719 where there is memory that it may not touch so. */
CUresult memory_fault(uint64_t address, uint64_t length);

/* For those who fill the table. */

/* Memory starts with rubbish in as far as that costs little: who leans on zeros is found. */
enum { RUBBISH = 0xa5, RUBBISH_BYTES = 65536 };

extern struct range *ranges;
struct range *range_add(enum range_kind kind, uint64_t address, uint64_t length);
/* Its storage goes when the last access to it has ended. */
void range_remove(struct range *range);
bool holds(uint64_t start, uint64_t size, uint64_t address, uint64_t length);
bool overlaps(uint64_t start, uint64_t size, uint64_t address, uint64_t length);
/* Of the memory of a device; false where that is too little. */
bool reserve_bytes(int device, uint64_t size);
void release_bytes(int device, uint64_t size);
/* Address space that the host cannot touch, at a multiple of `alignment`; 0 where there is none. */
uint64_t reserve_addresses(uint64_t size, uint64_t alignment);
CUresult memory_drain(struct context *context);

/* --- shared.c --- */

/* Whether cuMemAddressReserve gave out all of these. */
bool addresses_reserved(uint64_t address, uint64_t size);

/* --- streams.c --- */

enum job_kind {
  JOB_WRITE,
  JOB_WAIT,
  JOB_COPY,
  JOB_FILL,
  JOB_RECORD,
  JOB_AWAIT_RECORD,
  JOB_AWAIT_STREAMS,
  JOB_LAUNCH
};

/* One cuEventRecord: an event that is recorded again gets a new one, and who waits for the old one still can. */
struct record {
  int references;
  bool reached;
  double reached_ms;
};

struct stream_position {
  struct stream *stream;
  uint64_t sequence;
};

struct job {
  struct job *next;
  uint64_t sequence;
  enum job_kind kind;
  uint64_t to, from, length; /* of copies and fills; `to` is the word of a write or wait */
  void *host_to;             /* pageable memory instead of a device address */
  const void *host_from;
  void *staged;              /* a copy of the pageable source, freed with the job */
  uint64_t value;
  unsigned int flags;
  int width;
  struct record *record;
  struct stream_position *positions;
  int position_count;
  struct launch *launch;
};

struct stream {
  struct stream *next;
  struct context *context;
  CUstream handle;
  bool blocking; /* ordered with the default stream */
  bool started;
  bool ended; /* destroyed: its thread ends when its jobs have */
  pthread_cond_t work;
  struct job *first, **last;
  uint64_t enqueued, completed;
};

/* The stream behind a handle, 0 to 2 being the default one of the current context, and its failure. */
CUresult stream_find(CUstream handle, struct stream **stream);
struct stream *stream_create(struct context *context, bool blocking);
struct job *job_create(enum job_kind kind);
void record_unref(struct record *record);
/* A stream takes this many jobs, the running one included; then the caller waits, as on an H200. */
enum { JOBS_MAX = 1021 };

/* Takes the job; returns its sequence. May wait, and lets go of the lock then. */
uint64_t stream_enqueue(struct stream *stream, struct job *job);
/* Until the job has run: 0, or the failure of the context. */
CUresult stream_await(struct stream *stream, uint64_t sequence);

/* Not under the lock. */
void sleep_us(uint64_t us);

/* --- copies.c --- (not under the lock) */

CUresult job_copy(struct context *context, struct job *job);
CUresult job_fill(struct context *context, struct job *job);

/* --- kernels.c --- */

struct kernel {
  const char *name;
  void (*run)(struct launch *launch);
  uint16_t parameter_bytes[PARAMETERS_MAX]; /* ends with 0 */
  struct kernel *next;
};

struct launch {
  const struct kernel *kernel;
  struct context *context;
  unsigned int grid[3], block[3], shared_bytes;
  char parameters[PARAMETER_BYTES_MAX]; /* each at a multiple of 16 */
  uint16_t offsets[PARAMETERS_MAX];
  struct access accesses[ACCESSES_MAX];
  int access_count;
  bool faulted;
};

/* Not under the lock: runs the whole grid. */
CUresult job_launch(struct context *context, struct launch *launch);

void kernel_register(struct kernel *kernel);

/*
 * For kernels, which run without the lock, one C call for the whole grid.
 *
 *   SIMULATED_KERNEL(store32, 8, 4) {                  // name, bytes of every parameter
 *     uint32_t *word = device_memory(launch, PARAMETER(launch, 0, uint64_t), 4, OPEN_WRITE);
 *     if (word != NULL) *word = PARAMETER(launch, 1, uint32_t);
 *   }
 *
 * `device_memory` answers NULL where a device would fault: the kernel returns then. The addresses stay valid until the
 * kernel ends. A kernel that waits asks `launch_stopped` and returns when it says so.
 */
void *device_memory(struct launch *launch, uint64_t address, uint64_t length, int mode);
bool launch_stopped(struct launch *launch);

#define PARAMETER(launch, index, type) (*(type *)((launch)->parameters + (launch)->offsets[index]))

#define SIMULATED_KERNEL(kernel_name, ...)                                     \
  static void run_##kernel_name(struct launch *launch);                        \
  static struct kernel kernel_##kernel_name = {                                \
      .name = #kernel_name, .run = run_##kernel_name, .parameter_bytes = {__VA_ARGS__}}; \
  __attribute__((constructor)) static void register_##kernel_name(void) {      \
    kernel_register(&kernel_##kernel_name);                                    \
  }                                                                            \
  static void run_##kernel_name(struct launch *launch)

#endif
