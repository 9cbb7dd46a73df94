/** bus: channels between processes: directory, manifests, handshake, publishers, subscribers. */
export * from './directory/channel-lock.js';
export { listen, type Listener } from './transport/listener.js';
export { observeChannel } from './transport/observer.js';
export * from './directory/debris.js';
export * from './directory/discovery.js';
export * from './endpoint.js';
export { LatencyHistogram } from './latency-histogram.js';
export * from './directory/manifest.js';
export * from './open.js';
export { type Demand } from './publisher/demand.js';
export { FramePublisher } from './publisher/frame-publisher.js';
export {
  type DeviceContexts,
  GpuProducer,
  type GpuProducerOptions,
  type GpuProducerStats,
} from './publisher/gpu-producer.js';
export { type MessageContext, type MessageStyle } from './publisher/gpu-batch.js';
export { type PublishedBatch } from './publisher/gpu-launcher.js';
export { LoanedFrame, type PublishOptions } from './publisher/loaned-frame.js';
export { MessagePublisher, type SendOptions } from './publisher/message-publisher.js';
export { type AllowedPeers } from './transport/access.js';
export { type PublisherOptions } from './publisher/options.js';
export * from './directory/runtime-directory.js';
export { FrameSubscriber } from './subscriber/frame-subscriber.js';
export { GroupSubscriber } from './subscriber/group-subscriber.js';
export { MessageSubscriber } from './subscriber/message-subscriber.js';
export { type SubscriberOptions } from './subscriber/options.js';
export { type PictureOptions } from './subscriber/picture-conversion.js';
export { Frame, type FrameFlags, type HostCopy } from './subscriber/received-frame.js';
export { type Message, type MessagePacket } from './subscriber/received-message.js';
export { type SyncWaitOptions } from './subscriber/receive-loop.js';
export { type Plane, type ReadonlyPlane } from './frame-views.js';
export * from './worker-ring.js';
