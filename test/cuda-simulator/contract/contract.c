/*
 * Asks a CUDA driver what it answers, one question a line: contract <library> [questions at once]. The answers of a
 * real one are kept in answers.txt; the simulator has to give the same.
 *
 * On a machine with a GPU: cc -o contract contract.c questions.c fences.c -ldl -pthread && ./contract libcuda.so.1
 *
 * A question has a process of its own, because some end in an error that stays, or in no answer at all.
 */
#include "contract.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>

enum { QUESTIONS_MAX = 256 };

CUstream stream, other;
CUdevice device;
CUdeviceptr pointer_made;

static void *library;

void *find(const char *name) {
  void *call = dlsym(library, name);
  if (call == NULL) {
    printf("no %s\n", name);
    exit(1);
  }
  return call;
}

void begin(void) {
  CUcontext context;
  DO(cuInit, 0);
  DO(cuDeviceGet, &device, 0);
  DO(cuDevicePrimaryCtxRetain, &context, device);
  DO(cuCtxSetCurrent, context);
  DO(cuStreamCreate, &stream, NON_BLOCKING);
  DO(cuStreamCreate, &other, NON_BLOCKING);
}

char *shared(int protection) {
  int descriptor = memfd_create("contract", 0);
  if (ftruncate(descriptor, SIZE) != 0) exit(1);
  return mmap(NULL, SIZE, protection, MAP_SHARED, descriptor, 0);
}

CUdeviceptr registered(char *memory, unsigned int flags) {
  CUdeviceptr address;
  DO(cuMemHostRegister_v2, memory, SIZE, flags);
  DO(cuMemHostGetDevicePointer_v2, &address, memory, 0);
  return address;
}

CUmemAllocationProp properties(void) {
  CUmemAllocationProp found;
  memset(&found, 0, sizeof found);
  found.type = 1;
  found.requestedHandleTypes = 1;
  found.location.type = 1;
  found.location.id = device;
  return found;
}

CUmemGenericAllocationHandle created(void) {
  CUmemAllocationProp wanted = properties();
  CUmemGenericAllocationHandle handle;
  DO(cuMemCreate, &handle, SIZE, &wanted, 0);
  return handle;
}

int set_access(CUdeviceptr address, size_t size, int flags) {
  CUmemAccessDesc description = {{1, device}, flags};
  return CU(cuMemSetAccess, address, size, &description, 1);
}

CUdeviceptr reserved(size_t size) {
  CUdeviceptr address;
  DO(cuMemAddressReserve, &address, size, 0, 0, 0);
  return address;
}

CUdeviceptr mapped(CUmemGenericAllocationHandle handle, int flags) {
  CUdeviceptr address = reserved(SIZE);
  DO(cuMemMap, address, SIZE, 0, handle, 0);
  if (set_access(address, SIZE, flags) != 0) exit(1);
  return address;
}

int exported(CUmemGenericAllocationHandle handle) {
  int descriptor;
  DO(cuMemExportToShareableHandle, &descriptor, handle, 1, 0);
  return descriptor;
}

CUmemGenericAllocationHandle imported(int descriptor) {
  CUmemGenericAllocationHandle handle;
  DO(cuMemImportFromShareableHandle, &handle, (void *)(intptr_t)descriptor, 1);
  return handle;
}

CUdeviceptr read_only_import(void) { return mapped(imported(exported(created())), 1); }

CUfunction store32(void) {
  CUmodule module;
  CUfunction function;
  DO(cuModuleLoadData, &module, STORE32);
  DO(cuModuleGetFunction, &function, module, "store32");
  return function;
}

int launch(CUfunction function, CUdeviceptr pointer, unsigned int threads) {
  unsigned int value = 7;
  void *parameters[] = {&pointer, &value};
  return CU(cuLaunchKernel, function, 1, 1, 1, threads, 1, 1, 0, stream, parameters, NULL);
}

void prepare_alloc(void) { DO(cuMemAlloc_v2, &pointer_made, 4 << 20); }

static pid_t ask(question *asked, const char *path, int answers) {
  pid_t child = fork();
  if (child != 0) return child;
  dup2(answers, 1);
  alarm(30);
  library = dlopen(path, RTLD_NOW);
  if (library == NULL)
    printf("no library: %s\n", dlerror());
  else
    asked();
  _exit(0);
}

/* The answers, in order whatever the order they came in. */
static void tell(pid_t child, int answers) {
  char text[65536];
  int status = 0;
  waitpid(child, &status, 0);
  ssize_t length = pread(answers, text, sizeof text, 0);
  if (length > 0) fwrite(text, 1, (size_t)length, stdout);
  if (WIFSIGNALED(status)) printf("ended by signal %d\n", WTERMSIG(status));
  fflush(stdout);
}

int main(int count, char **arguments) {
  if (count < 2) return 1;
  /* Or else a question that ends its process takes its answers with it. */
  setvbuf(stdout, NULL, _IOLBF, 0);
  int at_once = count > 2 ? atoi(arguments[2]) : 1;
  question *questions[QUESTIONS_MAX];
  pid_t children[QUESTIONS_MAX];
  int answers[QUESTIONS_MAX], total = 0;
  for (int i = 0; simple_questions[i] != NULL; i++) questions[total++] = simple_questions[i];
  for (int i = 0; fence_questions[i] != NULL; i++) questions[total++] = fence_questions[i];
  for (int i = 0; i < total + at_once; i++) {
    if (i >= at_once) tell(children[i - at_once], answers[i - at_once]);
    if (i >= total) continue;
    answers[i] = memfd_create("answers", MFD_CLOEXEC);
    children[i] = ask(questions[i], arguments[1], answers[i]);
  }
  return 0;
}
