/** nvdec: pictures decoded on the GPU, straight into slots of its memory. */
export { NvDecoder, nvdecCodec } from './nv-decoder.js';
