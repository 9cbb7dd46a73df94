/* Questions about what waits while a stream waits at a fence, and what becomes of its jobs. */
#include "contract.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static volatile uint64_t *gate;
static CUdeviceptr gate_address;

/* A second after a question is asked. */
static volatile bool asked;

static void *open_gate(void *argument) {
  (void)argument;
  while (!asked) usleep(1000);
  sleep(1);
  *gate = 1;
  return NULL;
}

/* A word for `stream` to wait on. */
static void close_gate(void) {
  pthread_t thread;
  begin();
  char *memory = shared(3);
  gate = (volatile uint64_t *)(void *)memory;
  gate_address = registered(memory, REGISTER);
  if (pthread_create(&thread, NULL, open_gate, NULL) != 0) exit(1);
}

/* Asks `call` while a stream waits, and says whether it waits too. */
#define GATED(question, call)                                                 \
  do {                                                                        \
    asked = true;                                                             \
    int code = (call);                                                        \
    printf("%s: %d, %s\n", question, code, *gate == 1 ? "waits" : "returns"); \
  } while (0)

#define BEHIND(name, prepare, question, call)               \
  static void name(void) {                                  \
    close_gate();                                           \
    prepare;                                                \
    DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0); \
    usleep(100000);                                         \
    GATED("behind a fence: " question, call);               \
    DO(cuStreamSynchronize, stream);                        \
  }

static CUmodule module_made;
static CUfunction function_made;
static CUevent event_made;
static CUmemGenericAllocationHandle handle_made;
static char *host_made, bytes_made[4 << 20];
static void *void_made;

static int make_module(void) {
  return CU(cuModuleLoadData, &module_made, ".version 7.0\n.target sm_52\n.address_size 64\n");
}

static void prepare_host(void) { registered(host_made = shared(3), REGISTER); }
static void prepare_event(void) { DO(cuEventCreate, &event_made, 0); }

static int create_and_map(void) {
  pointer_made = mapped(created(), 3);
  return 0;
}

BEHIND(gated_alloc, , "alloc", CU(cuMemAlloc_v2, &pointer_made, 4096))
BEHIND(gated_big_alloc, , "alloc of 256 MiB", CU(cuMemAlloc_v2, &pointer_made, 256 << 20))
BEHIND(gated_free, prepare_alloc(), "free", CU(cuMemFree_v2, pointer_made))
BEHIND(gated_register, host_made = shared(3), "register",
       CU(cuMemHostRegister_v2, host_made, SIZE, REGISTER))
BEHIND(gated_unregister, prepare_host(), "unregister of other memory",
       CU(cuMemHostUnregister, host_made))
BEHIND(gated_host_alloc, , "alloc of host memory", CU(cuMemHostAlloc, &void_made, 4096, 0))
BEHIND(gated_create, , "create and map", create_and_map())
BEHIND(gated_access, pointer_made = mapped(created(), 3), "access",
       set_access(pointer_made, SIZE, 1))
BEHIND(gated_unmap, pointer_made = mapped(created(), 3), "unmap of other memory",
       CU(cuMemUnmap, pointer_made, SIZE))
BEHIND(gated_release, handle_made = created(), "release", CU(cuMemRelease, handle_made))
BEHIND(gated_stream, , "new stream", CU(cuStreamCreate, &other, 1))
BEHIND(gated_destroy, , "destroy of another stream", CU(cuStreamDestroy_v2, other))
BEHIND(gated_event, prepare_event(), "destroy of an event", CU(cuEventDestroy_v2, event_made))
BEHIND(gated_load, , "load of a module", make_module())
BEHIND(gated_unload, make_module(), "unload of a module", CU(cuModuleUnload, module_made))
BEHIND(gated_launch, (prepare_alloc(), function_made = store32()), "first launch",
       launch(function_made, pointer_made, 1))
BEHIND(gated_function, , "load and find a kernel", (function_made = store32(), 0))
BEHIND(gated_fill, prepare_alloc(), "fill on another stream",
       CU(cuMemsetD32Async, pointer_made, 1, 16, other))
BEHIND(gated_copy_sync, prepare_alloc(), "synchronous copy to the host",
       CU(cuMemcpyDtoH_v2, bytes_made, pointer_made, 64))
BEHIND(gated_to_pageable, prepare_alloc(), "copy to pageable memory, same stream",
       CU(cuMemcpyDtoHAsync_v2, bytes_made, pointer_made, 64, stream))
BEHIND(gated_to_pageable_other, prepare_alloc(), "copy to pageable memory, other stream",
       CU(cuMemcpyDtoHAsync_v2, bytes_made, pointer_made, 64, other))
BEHIND(gated_from_pageable, prepare_alloc(), "copy of 1 KiB from pageable memory, same stream",
       CU(cuMemcpyHtoDAsync_v2, pointer_made, bytes_made, 1024, stream))
BEHIND(gated_from_pageable_64, prepare_alloc(), "copy of 64 KiB from pageable memory, same stream",
       CU(cuMemcpyHtoDAsync_v2, pointer_made, bytes_made, 65536, stream))
BEHIND(gated_from_pageable_big, prepare_alloc(), "copy of 4 MiB from pageable memory, same stream",
       CU(cuMemcpyHtoDAsync_v2, pointer_made, bytes_made, 4 << 20, stream))
BEHIND(gated_to_registered, (prepare_alloc(), prepare_host()),
       "copy to registered memory, same stream",
       CU(cuMemcpyDtoHAsync_v2, host_made, pointer_made, 64, stream))
BEHIND(gated_synchronize, , "sync of another stream", CU(cuStreamSynchronize, other))
BEHIND(gated_context, , "sync of the context", CU(cuCtxSynchronize))
BEHIND(gated_default, prepare_alloc(), "fill on the default stream, and its sync",
       (CU(cuMemsetD32Async, pointer_made, 1, 16, NULL), CU(cuStreamSynchronize, NULL)))
BEHIND(gated_info, , "memory info", CU(cuMemGetInfo_v2, &(size_t){0}, &(size_t){0}))

static int void_descriptor;
static CUcontext context_made;

static void *fill_stream(void *argument) {
  (void)argument;
  CUcontext context;
  DO(cuDevicePrimaryCtxRetain, &context, device);
  DO(cuCtxSetCurrent, context);
  for (int i = 0; i < 20000; i++) CU(cuStreamWriteValue64_v2, stream, gate_address + 64, 1, 0);
  return NULL;
}

static void make_store(void) { DO(cuModuleLoadData, &module_made, STORE32); }

static int import_and_map(void) {
  pointer_made = mapped(imported(void_descriptor), 1);
  return 0;
}

BEHIND(gated_find, make_store(), "find of a kernel",
       CU(cuModuleGetFunction, &function_made, module_made, "store32"))
BEHIND(gated_free_host, DO(cuMemHostAlloc, &void_made, 4096, 0), "free of host memory",
       CU(cuMemFreeHost, void_made))
BEHIND(gated_event_create, , "new event", CU(cuEventCreate, &event_made, 0))
BEHIND(gated_addresses, pointer_made = reserved(SIZE), "free of addresses",
       CU(cuMemAddressFree, pointer_made, SIZE))
BEHIND(gated_import, void_descriptor = exported(created()), "import and map", import_and_map())
BEHIND(gated_context_set, DO(cuStreamGetCtx, stream, &context_made), "set the context",
       CU(cuCtxSetCurrent, context_made))

/* How many jobs a stream takes behind a fence before a call waits. */
#define DEPTH(question, call)                                                        \
  do {                                                                               \
    int taken = 0;                                                                   \
    asked = true;                                                                    \
    while (taken < 20000 && (call) == 0 && *gate == 0) taken++;                      \
    printf("jobs behind a fence, " question ": %s\n", taken == 20000 ? "any number"  \
                                                      : taken > 1000 && taken < 1050 \
                                                          ? "about 1020"             \
                                                          : "other");                \
  } while (0)

static void close_gate_for_depth(void) {
  close_gate();
  prepare_alloc();
  prepare_event();
  prepare_host();
  function_made = store32();
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
}

static void depth_writes(void) {
  close_gate_for_depth();
  DEPTH("writes", CU(cuStreamWriteValue64_v2, stream, gate_address + 64, 1, 0));
}

static void depth_launches(void) {
  close_gate_for_depth();
  DEPTH("launches", launch(function_made, pointer_made, 1));
}

static void depth_copies(void) {
  close_gate_for_depth();
  DEPTH("copies on the device",
        CU(cuMemcpyDtoDAsync_v2, pointer_made, pointer_made + SIZE, 4096, stream));
}

static void depth_host_copies(void) {
  close_gate_for_depth();
  DEPTH("copies to the host", CU(cuMemcpyDtoHAsync_v2, host_made, pointer_made, 4096, stream));
}

static void depth_records(void) {
  close_gate_for_depth();
  DEPTH("records", CU(cuEventRecord, event_made, stream));
}

static void depth_waits(void) {
  close_gate_for_depth();
  DEPTH("waits", CU(cuStreamWaitValue64_v2, stream, gate_address, 1, 0));
}

static void depth_other(void) {
  close_gate_for_depth();
  for (int i = 0; i < 900; i++) DO(cuStreamWriteValue64_v2, stream, gate_address + 64, 1, 0);
  DEPTH("writes on another stream", CU(cuStreamWriteValue64_v2, other, gate_address + 128, 1, 0));
}

static void full_stream_and_other(void) {
  close_gate_for_depth();
  pthread_t thread;
  pthread_create(&thread, NULL, fill_stream, NULL);
  usleep(300000);
  GATED("a write on another stream while a thread waits for a full one",
        CU(cuStreamWriteValue64_v2, other, gate_address + 128, 1, 0));
  pthread_join(thread, NULL);
}

static void exit_waiting(void) {
  pid_t child = fork();
  if (child == 0) {
    begin();
    char *memory = shared(3);
    DO(cuStreamWaitValue64_v2, stream, registered(memory, REGISTER), 1, 0);
    usleep(100000);
    exit(0);
  }
  int status, ticks = 0;
  while (waitpid(child, &status, WNOHANG) == 0 && ticks++ < 80) usleep(100000);
  printf("exit while a stream waits: %s\n", ticks < 80 ? "ends" : "hangs");
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
}

static void release_waiting(void) {
  close_gate();
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  usleep(100000);
  GATED("release of the context while a stream waits", CU(cuDevicePrimaryCtxRelease_v2, device));
}

static void default_stream(void) {
  close_gate();
  CUstream blocking;
  CUevent event;
  DO(cuStreamCreate, &blocking, 0);
  DO(cuEventCreate, &event, 2);
  DO(cuStreamWaitValue64_v2, blocking, gate_address, 1, 0);
  DO(cuEventRecord, event, NULL);
  usleep(50000);
  SAY("the default stream waits for a blocking one", CU(cuEventQuery, event) == 600);
  CUstream second;
  DO(cuStreamCreate, &second, 0);
  DO(cuEventRecord, event, second);
  usleep(50000);
  SAY("and a blocking one for the default stream", CU(cuEventQuery, event) == 600);
  DO(cuEventRecord, event, other);
  usleep(50000);
  SAY("but not one that does not block", CU(cuEventQuery, event) == 600);
  asked = true;
  DO(cuCtxSynchronize);
}

/* Memory goes while a job that names it is queued. */
static void unregister_named(void) {
  close_gate();
  char *memory = shared(3);
  CUdeviceptr word = registered(memory, REGISTER);
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  DO(cuStreamWriteValue64_v2, stream, word, 5, 0);
  GATED("unregister what a queued write names", CU(cuMemHostUnregister, memory));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void unregister_waited(void) {
  close_gate();
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  usleep(100000);
  GATED("unregister what a stream waits on", CU(cuMemHostUnregister, (void *)(uintptr_t)gate));
  usleep(1500000);
  SAY("query", CU(cuStreamQuery, stream));
}

static void unmap_named(void) {
  close_gate();
  CUdeviceptr address = mapped(created(), 3);
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  DO(cuMemsetD32Async, address, 1, SIZE / 4, stream);
  GATED("unmap what a queued fill names", CU(cuMemUnmap, address, SIZE));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void free_named(void) {
  close_gate();
  prepare_alloc();
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  DO(cuMemsetD32Async, pointer_made, 1, 16, stream);
  GATED("free what a queued fill names", CU(cuMemFree_v2, pointer_made));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void destroy_waiting(void) {
  close_gate();
  char *memory = shared(3);
  CUdeviceptr word = registered(memory, REGISTER);
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  DO(cuStreamWriteValue64_v2, stream, word, 5, 0);
  GATED("destroy of the stream that waits", CU(cuStreamDestroy_v2, stream));
  usleep(1500000);
  SAY("what it had queued is done", (int)*(volatile uint64_t *)(void *)memory);
}

static void munmap_named(void) {
  close_gate();
  char *memory = shared(3);
  CUdeviceptr word = registered(memory, REGISTER);
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  DO(cuStreamWriteValue64_v2, stream, word, 5, 0);
  munmap(memory, SIZE);
  asked = true;
  SAY("write to registered memory that the host has unmapped", CU(cuStreamSynchronize, stream));
}

static void forgets_event(void) {
  close_gate();
  prepare_event();
  DO(cuStreamWaitValue64_v2, stream, gate_address, 1, 0);
  DO(cuEventRecord, event_made, stream);
  DO(cuStreamWaitEvent, other, event_made, 0);
  DO(cuEventDestroy_v2, event_made);
  SAY("a stream waits for a destroyed event", CU(cuStreamQuery, other) == 600);
  asked = true;
  SAY("sync", CU(cuStreamSynchronize, other));
}

question *const fence_questions[] = {default_stream,
                                     unregister_named,
                                     unregister_waited,
                                     unmap_named,
                                     free_named,
                                     destroy_waiting,
                                     munmap_named,
                                     forgets_event,
                                     gated_alloc,
                                     gated_big_alloc,
                                     gated_free,
                                     gated_register,
                                     gated_unregister,
                                     gated_host_alloc,
                                     gated_create,
                                     gated_access,
                                     gated_unmap,
                                     gated_release,
                                     gated_stream,
                                     gated_destroy,
                                     gated_event,
                                     gated_load,
                                     gated_unload,
                                     gated_launch,
                                     gated_function,
                                     gated_fill,
                                     gated_copy_sync,
                                     gated_to_pageable,
                                     gated_to_pageable_other,
                                     gated_from_pageable,
                                     gated_from_pageable_64,
                                     gated_from_pageable_big,
                                     gated_to_registered,
                                     gated_synchronize,
                                     gated_context,
                                     gated_default,
                                     gated_info,
                                     gated_find,
                                     gated_free_host,
                                     gated_event_create,
                                     gated_addresses,
                                     gated_import,
                                     gated_context_set,
                                     depth_writes,
                                     depth_launches,
                                     depth_copies,
                                     depth_host_copies,
                                     depth_records,
                                     depth_waits,
                                     depth_other,
                                     full_stream_and_other,
                                     exit_waiting,
                                     release_waiting,
                                     NULL};
