/** health: how cameras are, judged by what they give; for Prometheus, for MQTT and as JSON. */
export { CameraWatch } from './camera-watch.js';
export {
  type CameraHealth,
  type Health,
  healthOf,
  type PartHealth,
  type PartState,
} from './health.js';
export { type MetricsServer, openMetricsServer, parseMetricsAddress } from './metrics-server.js';
export { checkMqttOptions, type MqttOptions, openMqttReport } from './mqtt-report.js';
export { PROMETHEUS_TYPE, prometheusText } from './prometheus.js';
