/** health: how cameras are, judged by what they give; for Prometheus, for MQTT and as JSON. */
export { CameraWatch, DEFAULT_STALE_AFTER_MS } from './camera-watch.js';
export {
  type CameraHealth,
  type Health,
  healthOf,
  type PartHealth,
  type PartState,
} from './health.js';
export { type MetricsServer, openMetricsServer, parseMetricsAddress } from './metrics-server.js';
export { checkMqttOptions, MQTT_TOPIC, type MqttOptions, openMqttReport } from './mqtt-report.js';
export { PROMETHEUS_TYPE, prometheusText } from './prometheus.js';
