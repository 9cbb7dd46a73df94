/** `--metrics` and `--mqtt`: where a command tells how its cameras are. */
import { type Command, Option } from 'commander';
import { checkMqttOptions, type MqttOptions, parseMetricsAddress } from '../video/health/index.js';
import type { HealthServices } from '../video/up/index.js';
import { expandVariables } from '../video/up/variables.js';
import { asUsage, UsageError } from './run.js';

export interface HealthOptions {
  readonly metrics?: string;
  readonly mqtt?: string;
  readonly mqttTopic?: string;
  readonly mqttDiscovery?: string;
}

/** A password of which not all is a variable. */
const PLAIN_PASSWORD = /^\w+:\/\/[^:/@]*:(?:\$\{\w+\})*[^/@$][^/]*@/;

export function addHealthOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--metrics <address>',
        'Prometheus reads health here: a port of 127.0.0.1, or HOST:PORT',
      ).argParser(metricsAddress),
    )
    .option(
      '--mqtt <url>',
      'tells health to a broker, mqtt://HOST:PORT; ${NAME} is taken from the environment',
    )
    .option('--mqtt-topic <topic>', 'where its topics begin (default sluice/HOSTNAME)')
    .option(
      '--mqtt-discovery <topic>',
      'announces cameras to Home Assistant below this topic, homeassistant there',
    );
}

function metricsAddress(text: string): string {
  asUsage(() => parseMetricsAddress(text));
  return text;
}

/** Name and password of the broker come from the environment: words of a command can be seen by everybody. */
export function healthServices(
  options: HealthOptions,
  environment: NodeJS.ProcessEnv,
): HealthServices {
  const mqtt = mqttOptions(options, environment);
  const { metrics } = options;
  return {
    ...(metrics === undefined ? {} : { metrics }),
    ...(mqtt === undefined ? {} : { mqtt }),
  };
}

function mqttOptions(
  { mqtt, mqttTopic, mqttDiscovery }: HealthOptions,
  environment: NodeJS.ProcessEnv,
): MqttOptions | undefined {
  if (mqtt === undefined) {
    if (mqttTopic !== undefined) throw new UsageError('--mqtt-topic: goes with --mqtt');
    if (mqttDiscovery !== undefined) throw new UsageError('--mqtt-discovery: goes with --mqtt');
    return undefined;
  }
  const { text: url, missing, values } = expandVariables(mqtt, environment);
  const [first] = missing;
  if (first !== undefined) {
    throw new UsageError(`--mqtt: \${${first}}: there is no such variable in the environment`);
  }
  if (values.length === 0 ? /^\w+:\/\/[^/]*@/.test(mqtt) : PLAIN_PASSWORD.test(mqtt)) {
    const why = 'the words of a command can be seen by everybody';
    throw new UsageError(`--mqtt: ${why}; write mqtt://\${NAME}@HOST, with NAME=user:password set`);
  }
  const options = {
    url,
    ...(mqttTopic === undefined ? {} : { topic: mqttTopic }),
    ...(mqttDiscovery === undefined ? {} : { discovery: mqttDiscovery }),
  };
  asUsage(() => checkMqttOptions(options));
  return options;
}
