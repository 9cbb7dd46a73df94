/* What all questions need: a call of the driver that is asked, and memory and kernels to ask about. */
#ifndef CONTRACT_H
#define CONTRACT_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../calls.h"

#define CU(call, ...) ((int)((__typeof__(&call))find(#call))(__VA_ARGS__))
#define SAY(question, ...) printf("%s: %d\n", question, __VA_ARGS__)
/* A call that is no question. */
#define DO(call, ...)                                                     \
  do {                                                                    \
    int code = CU(call, __VA_ARGS__);                                     \
    if (code != 0) {                                                      \
      printf("failed: " #call " answered %d, line %d\n", code, __LINE__); \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

enum { SIZE = 2 << 20, REGISTER = 1 | 2, READ_ONLY = 8, NON_BLOCKING = 1 };

/* A kernel as PTX: store32(pointer, value). */
#define STORE32                                                                       \
  ".version 7.0\n.target sm_52\n.address_size 64\n"                                    \
  ".visible .entry store32(.param .u64 pointer, .param .u32 value) {\n"               \
  ".reg .b32 %r<2>;\n.reg .b64 %rd<3>;\n"                                             \
  "ld.param.u64 %rd1, [pointer];\nld.param.u32 %r1, [value];\n"                       \
  "cvta.to.global.u64 %rd2, %rd1;\nst.global.u32 [%rd2], %r1;\nret;\n}\n"

typedef void question(void);

/* Each ends with NULL. */
extern question *const simple_questions[], *const fence_questions[];

/* A call of the driver by its name. */
void *find(const char *name);

extern CUstream stream, other;
extern CUdevice device;
/* What prepare_alloc makes: 4 MiB. */
extern CUdeviceptr pointer_made;

void begin(void);
char *shared(int protection);
CUdeviceptr registered(char *memory, unsigned int flags);
CUmemAllocationProp properties(void);
CUmemGenericAllocationHandle created(void);
int set_access(CUdeviceptr address, size_t size, int flags);
CUdeviceptr reserved(size_t size);
CUdeviceptr mapped(CUmemGenericAllocationHandle handle, int flags);
int exported(CUmemGenericAllocationHandle handle);
CUmemGenericAllocationHandle imported(int descriptor);
CUdeviceptr read_only_import(void);
CUfunction store32(void);
int launch(CUfunction function, CUdeviceptr pointer, unsigned int threads);
void prepare_alloc(void);

#endif
