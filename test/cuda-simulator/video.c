/*
 * A video decoder with the interface of libnvcuvid, for tests of what calls it. A packet is a picture: its fifth byte is
 * the value of all luma, its sixth that of all chroma, its first four are anything. Pictures are shown in the order in
 * which they come. One that was just decoded says once that it is still being decoded.
 */
#include <stdlib.h>
#include <string.h>

#include "simulator.h"

enum { CODEC_H264 = 4, SURFACES = 16, END_OF_STREAM = 1, IN_PROGRESS = 1, SUCCESS = 2 };
enum { WIDTH = 322, HEIGHT = 242, CODED_WIDTH = 336, CODED_HEIGHT = 256, PITCH = 512 };

typedef int (*callback)(void *user, void *data);

/* CUVIDPARSERPARAMS */
struct params {
  int codec;
  unsigned int surfaces, clock_rate, error_threshold, display_delay, flags, reserved[4];
  void *user;
  callback sequence, decode, display;
  void *rest[8];
};

struct packet {
  unsigned long flags, length;
  const unsigned char *bytes;
  long long timestamp;
};

/* CUVIDEOFORMAT */
struct format {
  int codec;
  unsigned int rate[2];
  unsigned char progressive, luma, chroma_depth, surfaces;
  unsigned int coded[2];
  int area[4];
  int chroma;
  unsigned int bitrate;
  int aspect[2];
  unsigned char signal[4];
  unsigned int header;
};

struct display {
  int index, progressive, top_first, repeat;
  long long timestamp;
};

struct picture {
  int index;
  unsigned char luma, chroma;
};

struct parser {
  struct params params;
  bool begun;
  int next;
};

struct decoder {
  struct picture pictures[SURFACES];
  bool asked[SURFACES];
  CUdeviceptr memory;
};

CALL cuvidGetDecoderCaps(unsigned char *caps) {
  unsigned int codec, depth;
  memcpy(&codec, caps, 4);
  memcpy(&depth, caps + 8, 4);
  unsigned int largest = 4096;
  caps[24] = codec == CODEC_H264 && depth == 0;
  caps[25] = 1;
  memcpy(caps + 28, &largest, 4);
  memcpy(caps + 32, &largest, 4);
  return CUDA_SUCCESS;
}

CALL cuvidCreateVideoParser(struct parser **parser, const struct params *params) {
  if (params->codec != CODEC_H264) return CUDA_ERROR_INVALID_VALUE;
  *parser = calloc(1, sizeof **parser);
  (*parser)->params = *params;
  return CUDA_SUCCESS;
}

CALL cuvidParseVideoData(struct parser *parser, const struct packet *packet) {
  const struct params *params = &parser->params;
  if (packet->length == 0) {
    parser->begun = false;
    return (packet->flags & END_OF_STREAM) != 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
  if (!parser->begun) {
    struct format format = {.codec = CODEC_H264,
                            .progressive = 1,
                            .surfaces = 4,
                            .coded = {CODED_WIDTH, CODED_HEIGHT},
                            .area = {0, 0, WIDTH, HEIGHT},
                            .chroma = 1};
    if (params->sequence(params->user, &format) < 4) return CUDA_ERROR_INVALID_VALUE;
    parser->begun = true;
  }
  struct picture picture = {parser->next, packet->bytes[4], packet->bytes[5]};
  parser->next = (parser->next + 1) % SURFACES;
  if (params->decode(params->user, &picture) == 0) return CUDA_ERROR_INVALID_VALUE;
  struct display display = {picture.index, 1, 0, 0, packet->timestamp};
  return params->display(params->user, &display) == 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CALL cuvidDestroyVideoParser(struct parser *parser) {
  free(parser);
  return CUDA_SUCCESS;
}

CALL cuvidCreateDecoder(struct decoder **decoder, const unsigned char *info) {
  unsigned long width, height;
  memcpy(&width, info + 96, 8);
  memcpy(&height, info + 104, 8);
  if (width != WIDTH || height != HEIGHT) return CUDA_ERROR_INVALID_VALUE;
  *decoder = calloc(1, sizeof **decoder);
  return cuMemAlloc_v2(&(*decoder)->memory, PITCH * HEIGHT * 3 / 2);
}

CALL cuvidDecodePicture(struct decoder *decoder, const struct picture *picture) {
  decoder->pictures[picture->index] = *picture;
  decoder->asked[picture->index] = false;
  return CUDA_SUCCESS;
}

CALL cuvidGetDecodeStatus(struct decoder *decoder, int index, int *status) {
  *status = decoder->asked[index] ? SUCCESS : IN_PROGRESS;
  decoder->asked[index] = true;
  return CUDA_SUCCESS;
}

CALL cuvidMapVideoFrame64(struct decoder *decoder, int index, unsigned long long *address,
                          unsigned int *pitch, const unsigned char *params) {
  CUstream stream;
  memcpy(&stream, params + 56, sizeof stream);
  struct picture *picture = &decoder->pictures[index];
  *address = decoder->memory;
  *pitch = PITCH;
  CUresult failure = cuMemsetD8Async(decoder->memory, picture->luma, PITCH * HEIGHT, stream);
  if (failure != CUDA_SUCCESS) return failure;
  return cuMemsetD8Async(decoder->memory + PITCH * HEIGHT, picture->chroma, PITCH * HEIGHT / 2,
                         stream);
}

CALL cuvidUnmapVideoFrame64(struct decoder *decoder, unsigned long long address) {
  return address == decoder->memory ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CALL cuvidDestroyDecoder(struct decoder *decoder) {
  CUresult result = cuMemFree_v2(decoder->memory);
  free(decoder);
  return result;
}
