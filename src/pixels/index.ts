/**
 * pixels: pictures of one format and size as pictures or tensors of another, over typed arrays.
 * Pure; above tensor and format.
 */
export {
  type Box,
  type Fit,
  type Placement,
  placePicture,
  type Size,
  toSourceBox,
} from './letterbox.js';
export { colorOf, TRANSFORM_BITS } from './color-transform.js';
export {
  checkConversionOptions,
  type ConversionOptions,
  type ConversionPlan,
  type Pass,
  type PassInput,
  type PassOutput,
  planFill,
  planPicture,
  planTensor,
  type Precision,
  type Region,
} from './conversion-plan.js';
export { PictureConverter } from './picture-converter.js';
export type { SourcePlane, TargetPlane } from './picture-planes.js';
export { type ResizeFilter, TAP_BITS, type Taps } from './resample-taps.js';
export { elementBytesOf, sampleOf } from './output-sample.js';
export {
  channelCount,
  checkNormalization,
  TENSOR_COLORS,
  TENSOR_DTYPES,
  TENSOR_LAYOUTS,
  tensorSpec,
  type TensorTarget,
} from './tensor-target.js';
