/** What src/ffi says of the video decoder's structs is what its headers say: a C compiler compares them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { VIDEO_CODECS } from '../../../src/ffi/nvcuvid.js';
import {
  NVCUVID_CONSTANTS,
  NVCUVID_LAYOUT,
  packCreateInfo,
  packPacket,
  readSequenceFormat,
} from '../../../src/ffi/nvcuvid-structs.js';
import { CUDA_LAYOUT } from '../../../src/ffi/cuda-structs.js';
import { temporaryDirectory } from './descriptors.js';

const FOLDER = '/usr/include/ffnvcodec';
const compiler = ['cc', 'gcc', 'clang'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);
const skip =
  (!existsSync(`${FOLDER}/dynlink_nvcuvid.h`) && 'libffmpeg-nvenc-dev is not installed') ||
  (compiler === undefined && 'no C compiler');

const L = NVCUVID_LAYOUT;
const at = (struct: string, fields: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(fields).map(([field, offset]) => [`offsetof(${struct}, ${field})`, offset]);

/** Expression in C → value in src/ffi. */
const EXPECTED: readonly (readonly [string, number])[] = [
  ...Object.entries(NVCUVID_CONSTANTS),
  ...Object.entries(VIDEO_CODECS).map(([name, value]): [string, number] => [
    `cudaVideoCodec_${name.toUpperCase()}`,
    value,
  ]),
  ['sizeof(CUVIDPARSERPARAMS)', L.parserParamsBytes],
  ...at('CUVIDPARSERPARAMS', {
    CodecType: L.parserCodec,
    ulMaxNumDecodeSurfaces: L.parserMaxSurfaces,
    ulClockRate: L.parserClockRate,
    ulMaxDisplayDelay: L.parserDisplayDelay,
    pfnSequenceCallback: L.parserSequence,
    pfnDecodePicture: L.parserDecode,
    pfnDisplayPicture: L.parserDisplay,
  }),
  ['sizeof(CUVIDSOURCEDATAPACKET)', L.packetBytes],
  ...at('CUVIDSOURCEDATAPACKET', {
    flags: L.packetFlags,
    payload_size: L.packetLength,
    payload: L.packetPayload,
    timestamp: L.packetTimestamp,
  }),
  ['sizeof(CUVIDEOFORMAT)', L.formatBytes],
  ...at('CUVIDEOFORMAT', {
    codec: L.formatCodec,
    bit_depth_luma_minus8: L.formatLumaDepth,
    min_num_decode_surfaces: L.formatMinSurfaces,
    coded_width: L.formatCodedWidth,
    coded_height: L.formatCodedHeight,
    'display_area.left': L.formatLeft,
    'display_area.top': L.formatTop,
    'display_area.right': L.formatRight,
    'display_area.bottom': L.formatBottom,
    chroma_format: L.formatChroma,
  }),
  ['sizeof(CUVIDDECODECREATEINFO)', L.createInfoBytes],
  ...at('CUVIDDECODECREATEINFO', {
    ulWidth: L.createWidth,
    ulHeight: L.createHeight,
    ulNumDecodeSurfaces: L.createSurfaces,
    CodecType: L.createCodec,
    ChromaFormat: L.createChroma,
    ulCreationFlags: L.createFlags,
    bitDepthMinus8: L.createDepth,
    ulMaxWidth: L.createMaxWidth,
    ulMaxHeight: L.createMaxHeight,
    display_area: L.createDisplayArea,
    OutputFormat: L.createOutputFormat,
    ulTargetWidth: L.createTargetWidth,
    ulTargetHeight: L.createTargetHeight,
    ulNumOutputSurfaces: L.createOutputSurfaces,
  }),
  ['sizeof(CUVIDPARSERDISPINFO)', L.displayInfoBytes],
  ...at('CUVIDPARSERDISPINFO', {
    picture_index: L.displayIndex,
    progressive_frame: L.displayProgressive,
    top_field_first: L.displayTopFirst,
    timestamp: L.displayTimestamp,
  }),
  ['sizeof(CUVIDPROCPARAMS)', L.processBytes],
  ...at('CUVIDPROCPARAMS', {
    progressive_frame: L.processProgressive,
    top_field_first: L.processTopFirst,
    output_stream: L.processStream,
  }),
  ['sizeof(CUVIDGETDECODESTATUS)', L.statusBytes],
  ['sizeof(CUDA_MEMCPY2D)', CUDA_LAYOUT.copy2dBytes],
  ...at('CUDA_MEMCPY2D', {
    srcMemoryType: CUDA_LAYOUT.copy2dFromType,
    srcDevice: CUDA_LAYOUT.copy2dFromDevice,
    srcPitch: CUDA_LAYOUT.copy2dFromPitch,
    dstMemoryType: CUDA_LAYOUT.copy2dToType,
    dstDevice: CUDA_LAYOUT.copy2dToDevice,
    dstPitch: CUDA_LAYOUT.copy2dToPitch,
    WidthInBytes: CUDA_LAYOUT.copy2dWidth,
    Height: CUDA_LAYOUT.copy2dHeight,
  }),
];

describe('the structs of the video decoder', () => {
  it('are those of its headers', { skip }, (test) => {
    const directory = temporaryDirectory();
    test.after(() => directory.remove());
    const lines = EXPECTED.map(
      ([expression, value]) => `_Static_assert(${expression} == ${value}, "${expression}");`,
    );
    const headers = ['dynlink_cuda', 'dynlink_cuviddec', 'dynlink_nvcuvid'];
    const includes = headers.map((name) => `#include <ffnvcodec/${name}.h>`);
    const source = join(directory.path, 'structs.c');
    writeFileSync(source, ['#include <stddef.h>', ...includes, ...lines, ''].join('\n'));
    const run = spawnSync(compiler!, ['-fsyntax-only', source], { encoding: 'utf8' });
    assert.equal(run.stderr, '');
    assert.equal(run.status, 0);
  });

  it('ask for an even area, unscaled, where the picture has an odd one', () => {
    const bytes = new Uint8Array(L.formatBytes);
    const view = new DataView(bytes.buffer);
    view.setInt32(L.formatCodec, VIDEO_CODECS.hevc, true);
    view.setUint8(L.formatLumaDepth, 2);
    view.setUint32(L.formatCodedWidth, 336, true);
    view.setUint32(L.formatCodedHeight, 256, true);
    view.setInt32(L.formatRight, 321, true);
    view.setInt32(L.formatBottom, 241, true);
    const format = readSequenceFormat(bytes);
    assert.deepEqual([format.bitDepth, format.area.right], [10, 321]);
    const info = Buffer.from(packCreateInfo(format, 7));
    assert.equal(info.readInt16LE(L.createDisplayArea + 4), 322);
    assert.equal(info.readBigUInt64LE(L.createTargetWidth), 322n);
    assert.equal(info.readBigUInt64LE(L.createTargetHeight), 242n);
    assert.equal(info.readInt32LE(L.createOutputFormat), 1);
  });

  it('end the stream with a packet of no bytes', () => {
    const end = Buffer.from(packPacket(5n, 0, 9));
    assert.deepEqual(
      [end.readBigUInt64LE(L.packetFlags), end.readBigUInt64LE(L.packetPayload)],
      [1n, 0n],
    );
    const packet = Buffer.from(packPacket(5n, 3, -9));
    assert.equal(packet.readBigInt64LE(L.packetTimestamp), -9n);
  });
});
