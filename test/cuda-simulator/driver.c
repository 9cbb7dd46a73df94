/* Configuration, injected failures, errors, devices, contexts, handles. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator.h"

pthread_mutex_t simulator_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t simulator_progress = PTHREAD_COND_INITIALIZER;
struct configuration configuration;

static pthread_once_t configured = PTHREAD_ONCE_INIT;
enum { CONTEXTS_MAX = 32 };

static bool initialised;
static struct context *primary_contexts[DEVICES_MAX];
/* Of this thread: the last is the current one. */
static __thread CUcontext context_stack[CONTEXTS_MAX];
static __thread int context_count;

int simulator_guard(void) {
  pthread_mutex_lock(&simulator_lock);
  return 0;
}

void simulator_unguard(int *guard) {
  (void)guard;
  pthread_mutex_unlock(&simulator_lock);
}

/* --- configuration --- */

/* SLUICE_SIMULATED_FAIL, "call:count:code,…": the count-th call answers the code; with "count+" every later one too. */
struct injection {
  char call[64];
  unsigned int count;
  bool and_later;
  int code;
};
static struct injection injections[16];
static int injection_count;

static uint64_t environment_number(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static void read_injections(const char *text) {
  while (text != NULL && *text != '\0' && injection_count < 16) {
    struct injection *injection = &injections[injection_count];
    int length = 0;
    if (sscanf(text, "%63[^:]:%u%n", injection->call, &injection->count, &length) == 2) {
      injection->and_later = text[length] == '+';
      injection->code = atoi(text + length + (injection->and_later ? 2 : 1));
      injection_count++;
    }
    text = strchr(text, ',');
    if (text != NULL) text++;
  }
}

static void configure(void) {
  configuration.devices = (int)environment_number("SLUICE_SIMULATED_GPUS", 2);
  if (configuration.devices > DEVICES_MAX) configuration.devices = DEVICES_MAX;
  configuration.peers = environment_number("SLUICE_SIMULATED_PEERS", 1) != 0;
  configuration.bytes = environment_number("SLUICE_SIMULATED_BYTES", (uint64_t)8 << 30);
  configuration.copy_us_per_mib = environment_number("SLUICE_SIMULATED_COPY_US_PER_MIB", 0);
  configuration.separate_pointers =
      environment_number("SLUICE_SIMULATED_SEPARATE_POINTERS", 0) != 0;
  const char *unregister = getenv("SLUICE_SIMULATED_UNREGISTER");
  configuration.unregister_faults = unregister != NULL && strcmp(unregister, "fault") == 0;
  read_injections(getenv("SLUICE_SIMULATED_FAIL"));
  const char *visible = getenv("CUDA_VISIBLE_DEVICES");
  if (visible == NULL) {
    configuration.visible_devices = configuration.devices;
    for (int i = 0; i < configuration.devices; i++) configuration.visible[i] = i;
    return;
  }
  /* As the driver does: the list ends at the first entry that is no device. */
  for (char *end; configuration.visible_devices < DEVICES_MAX; visible = end + 1) {
    long device = strtol(visible, &end, 10);
    if (end == visible || device < 0 || device >= configuration.devices) break;
    configuration.visible[configuration.visible_devices++] = (int)device;
    if (*end != ',') break;
  }
}

CUresult enter(const char *call, atomic_uint *calls, bool needs_init) {
  pthread_once(&configured, configure);
  unsigned int count = atomic_fetch_add(calls, 1) + 1;
  for (int i = 0; i < injection_count; i++) {
    struct injection *injection = &injections[i];
    bool now = injection->and_later ? count >= injection->count : count == injection->count;
    if (now && strcmp(injection->call, call) == 0) return (CUresult)injection->code;
  }
  return needs_init && !initialised ? CUDA_ERROR_NOT_INITIALIZED : CUDA_SUCCESS;
}

/* --- errors --- */

CUresult cuGetErrorName(CUresult error, const char **text) {
  switch ((int)error) {
#define ERROR_NAME(name, code, message) \
  case code:                            \
    *text = #name;                      \
    return CUDA_SUCCESS;
    SIMULATOR_ERRORS(ERROR_NAME)
#undef ERROR_NAME
  }
  *text = NULL;
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  switch ((int)error) {
#define ERROR_TEXT(name, code, message) \
  case code:                            \
    *text = message;                    \
    return CUDA_SUCCESS;
    SIMULATOR_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
  }
  *text = NULL;
  return CUDA_ERROR_INVALID_VALUE;
}

/* --- handles --- */

/* Looks like a pointer and is none: addresses there are never mapped. */
#define HANDLE_BASE ((uint64_t)0x200000000000)

struct entry {
  enum kind kind;
  void *object;
};
static struct entry *entries;
static uint64_t entry_count, entry_capacity;

uint64_t handle_create(enum kind kind, void *object) {
  if (entry_count == entry_capacity) {
    entry_capacity = entry_capacity == 0 ? 256 : entry_capacity * 2;
    entries = realloc(entries, entry_capacity * sizeof *entries);
    if (entries == NULL) abort();
  }
  entries[entry_count] = (struct entry){kind, object};
  return HANDLE_BASE + 16 * entry_count++;
}

static struct entry *entry_find(uint64_t handle) {
  uint64_t index = (handle - HANDLE_BASE) / 16;
  return handle < HANDLE_BASE || handle % 16 != 0 || index >= entry_count ? NULL : &entries[index];
}

void *handle_find(enum kind kind, uint64_t handle) {
  struct entry *entry = entry_find(handle);
  return entry == NULL || entry->kind != kind ? NULL : entry->object;
}

void handle_end(uint64_t handle) {
  struct entry *entry = entry_find(handle);
  if (entry != NULL) entry->object = NULL;
}

/* --- devices --- */

int physical_device(CUdevice device) {
  return device < 0 || device >= configuration.visible_devices ? -1 : configuration.visible[device];
}

CUdevice visible_device(int physical) {
  for (int i = 0; i < configuration.visible_devices; i++)
    if (configuration.visible[i] == physical) return i;
  return -1;
}

bool can_access_peer(int device, int owner) { return device != owner && configuration.peers; }

CUresult cuInit(unsigned int flags) {
  ENTER_WITH(false);
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (configuration.visible_devices == 0) return CUDA_ERROR_NO_DEVICE;
  initialised = true;
  return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
  ENTER_WITH(false);
  *version = 13000;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
  ENTER();
  *count = configuration.visible_devices;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  ENTER();
  if (physical_device(ordinal) < 0) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  ENTER();
  if (physical_device(device) < 0) return CUDA_ERROR_INVALID_DEVICE;
  snprintf(name, (size_t)length, "Simulated GPU");
  return CUDA_SUCCESS;
}

/* Devices differ in the first byte, and two processes agree on which is which. */
static CUresult device_uuid(CUuuid *uuid, CUdevice device) {
  int physical = physical_device(device);
  if (physical < 0) return CUDA_ERROR_INVALID_DEVICE;
  static const unsigned char bytes[16] = {0xa0, 0x1c, 0xe5, 0x00, 0x5e, 0xed, 0x4c, 0x0d,
                                          0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  memcpy(uuid, bytes, sizeof bytes);
  ((unsigned char *)uuid)[0] += (unsigned char)physical;
  ((unsigned char *)uuid)[15] = (unsigned char)physical;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
  ENTER();
  return device_uuid(uuid, device);
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  ENTER();
  return device_uuid(uuid, device);
}

CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
  ENTER();
  int physical = physical_device(device);
  if (physical < 0) return CUDA_ERROR_INVALID_DEVICE;
  if (length < 13) return CUDA_ERROR_INVALID_VALUE;
  snprintf(id, (size_t)length, "0000:%02X:00.0", (unsigned int)physical + 1);
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  ENTER();
  if (physical_device(device) < 0) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = configuration.bytes;
  return CUDA_SUCCESS;
}

/* By their numbers in cuda.h; those that are not here are 0. */
static const struct {
  int attribute, value;
} attributes[] = {
    {1, 1024},       /* threads a block, */
    {2, 1024},       /* along x, */
    {3, 1024},       /* y */
    {4, 64},         /* and z */
    {5, 0x7fffffff}, /* blocks a grid along x, */
    {6, 65535},      /* y */
    {7, 65535},      /* and z */
    {8, 49152},      /* bytes of shared memory a block */
    {10, 32},        /* threads a warp */
    {16, 4},         /* multiprocessors */
    {19, 1},         /* maps host memory */
    {31, 1},         /* runs kernels side by side */
    {40, 2},         /* copy engines */
    {41, 1},         /* unified addresses */
    {75, 9},         /* compute capability 9.0 */
    {93, 0},         /* as on an H200, where 64-bit stream operations work */
    {99, 1},         /* registers host memory */
    {102, 1},        /* shared allocations */
    {103, 1},        /* and their descriptors */
    {113, 1},        /* registers host memory as read-only */
    {122, 1},        /* 64-bit stream operations */
    {123, 1},        /* NOR among them */
};

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  ENTER();
  enum { PCI_BUS_ID = 33, CAN_USE_HOST_POINTER = 91, LAST = 150 };
  int physical = physical_device(device);
  if (physical < 0) return CUDA_ERROR_INVALID_DEVICE;
  if (attribute < 1 || attribute > LAST) return CUDA_ERROR_INVALID_VALUE;
  *value = 0;
  if (attribute == PCI_BUS_ID) *value = physical + 1;
  if (attribute == CAN_USE_HOST_POINTER) *value = !configuration.separate_pointers;
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
    if (attributes[i].attribute == attribute) *value = attributes[i].value;
  return CUDA_SUCCESS;
}

CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
  ENTER();
  int reader = physical_device(device), owner = physical_device(peer);
  if (reader < 0 || owner < 0) return CUDA_ERROR_INVALID_DEVICE;
  *can = can_access_peer(reader, owner);
  return CUDA_SUCCESS;
}

/* --- contexts --- */

CUresult context_failure(struct context *context) {
  return (CUresult)atomic_load(&context->failure);
}

/* The first failure stays. Whoever waits for this context is woken to hear of it. */
void context_fail(struct context *context, CUresult failure) {
  int none = CUDA_SUCCESS;
  atomic_compare_exchange_strong(&context->failure, &none, (int)failure);
  pthread_cond_broadcast(&simulator_progress);
}

static CUcontext current_handle(void) {
  return context_count == 0 ? NULL : context_stack[context_count - 1];
}

CUresult context_drain(struct context *context) {
  CUresult failure = stream_await(context->standard, context->standard->enqueued);
  /* A stream may leave the list while this waits: begin again after each wait. */
  for (struct stream *stream = context->streams; failure == CUDA_SUCCESS && stream != NULL;) {
    if (stream->completed == stream->enqueued) {
      stream = stream->next;
      continue;
    }
    failure = stream_await(stream, stream->enqueued);
    stream = context->streams;
  }
  return failure;
}

CUresult current_context(struct context **context) {
  CUcontext current = current_handle();
  if (current == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  *context = handle_find(KIND_CONTEXT, (uint64_t)(uintptr_t)current);
  return *context == NULL ? CUDA_ERROR_CONTEXT_IS_DESTROYED : context_failure(*context);
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  ENTER();
  GUARD();
  int physical = physical_device(device);
  if (physical < 0) return CUDA_ERROR_INVALID_DEVICE;
  struct context *primary = primary_contexts[physical];
  if (primary == NULL) {
    primary = calloc(1, sizeof *primary);
    primary->device = physical;
    primary->handle = (CUcontext)(uintptr_t)handle_create(KIND_CONTEXT, primary);
    primary->standard = stream_create(primary, true);
    primary_contexts[physical] = primary;
  }
  primary->retained++;
  *context = primary->handle;
  return CUDA_SUCCESS;
}

/* The last release ends the context, with its memory, once its streams are done. A later retain makes a new one. */
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  ENTER();
  GUARD();
  int physical = physical_device(device);
  if (physical < 0) return CUDA_ERROR_INVALID_DEVICE;
  struct context *primary = primary_contexts[physical];
  if (primary == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  if (primary->retained == 1) context_drain(primary);
  if (--primary->retained > 0) return CUDA_SUCCESS;
  primary_contexts[physical] = NULL;
  context_fail(primary, CUDA_ERROR_CONTEXT_IS_DESTROYED);
  memory_end_context(primary);
  handle_end((uint64_t)(uintptr_t)primary->handle);
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context) {
  ENTER();
  GUARD();
  if (context != NULL && handle_find(KIND_CONTEXT, (uint64_t)(uintptr_t)context) == NULL)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (context_count > 0) context_count--;
  if (context != NULL) context_stack[context_count++] = context;
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext context) {
  ENTER();
  GUARD();
  if (handle_find(KIND_CONTEXT, (uint64_t)(uintptr_t)context) == NULL)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (context_count == CONTEXTS_MAX) return CUDA_ERROR_OUT_OF_MEMORY;
  context_stack[context_count++] = context;
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  ENTER();
  if (context_count == 0) return CUDA_ERROR_INVALID_CONTEXT;
  context_count--;
  if (context != NULL) *context = context_stack[context_count];
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *context) {
  ENTER();
  *context = current_handle();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *device) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (context == NULL) return failure;
  *device = visible_device(context->device);
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  return context_drain(context);
}

CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned int flags) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  struct context *owner = handle_find(KIND_CONTEXT, (uint64_t)(uintptr_t)peer);
  if (owner == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (owner == context) return CUDA_ERROR_INVALID_DEVICE;
  if (!can_access_peer(context->device, owner->device)) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  if (context->peer_enabled[owner->device]) return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
  context->peer_enabled[owner->device] = true;
  return CUDA_SUCCESS;
}
