/** detections: what a detector found in a picture, and of which picture it speaks. */
export {
  type Detection,
  type Detections,
  detections,
  encodeDetections,
  type FrameIdentity,
  identityOf,
  parseDetections,
} from './detections.js';
export {
  DetectionPublisher,
  type DetectionPublisherOptions,
  openDetectionPublisher,
} from './detection-publisher.js';
export {
  type DetectionMessage,
  DetectionSubscriber,
  type DetectionSubscriberOptions,
  openDetectionSubscriber,
} from './detection-subscriber.js';
