/** `--metrics` and `--mqtt`: where a command tells how its cameras are. */
import { type Command, Option } from 'commander';
import { checkMqttOptions, type MqttOptions, parseMetricsAddress } from '../video/health/index.js';
import { expandVariables } from '../video/up/variables.js';
import { asUsage, UsageError } from './run.js';

export interface HealthOptions {
  readonly metrics?: string;
  readonly mqtt?: string;
  readonly mqttTopic?: string;
}

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
    .option('--mqtt-topic <topic>', 'where its topics begin (default sluice/HOSTNAME)');
}

function metricsAddress(text: string): string {
  asUsage(() => parseMetricsAddress(text));
  return text;
}

/** With name and password from the environment: words of a command can be seen by everybody. */
export function mqttOptions(
  { mqtt, mqttTopic }: HealthOptions,
  environment: NodeJS.ProcessEnv,
): MqttOptions | undefined {
  if (mqtt === undefined) {
    if (mqttTopic === undefined) return undefined;
    throw new UsageError('--mqtt-topic: goes with --mqtt');
  }
  const { text: url, missing, values } = expandVariables(mqtt, environment);
  const [first] = missing;
  if (first !== undefined) {
    throw new UsageError(`--mqtt: \${${first}}: there is no such variable in the environment`);
  }
  if (values.length === 0 && /^\w+:\/\/[^/]*@/.test(mqtt)) {
    const why = 'the words of a command can be seen by everybody';
    throw new UsageError(`--mqtt: ${why}; write mqtt://\${NAME}@HOST, with NAME=user:password set`);
  }
  const options = { url, ...(mqttTopic === undefined ? {} : { topic: mqttTopic }) };
  asUsage(() => checkMqttOptions(options));
  return options;
}
