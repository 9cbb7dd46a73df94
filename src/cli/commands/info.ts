/** `sluice info <channel>`: all about one channel, and how to read it. */
import type { Command } from 'commander';
import { printable, SluiceError } from '../../core/index.js';
import { describeFormat, frameByteLength, type Format } from '../../format/index.js';
import { resolveRuntimeDirectory } from '../../bus/directory/runtime-directory.js';
import { cameraFacts, cameraText } from '../camera-facts.js';
import { type ChannelReport, reportChannels } from '../channel-reports.js';
import type { SubscriberFacts } from '../foreign-stats.js';
import { channelName } from '../option-values.js';
import { loadPaint, type Paint } from '../paint.js';
import type { Start } from '../program.js';
import { type CommonOptions, ExitCode, type Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { subscriberPath } from '../subscriber-path.js';
import { renderTable } from '../table.js';
import { formatBytes, formatCount, formatDuration, formatRate } from '../units.js';
import { channelJson, paintOfState } from './ls.js';

export const EXAMPLES = ['sluice info camera/door', 'sluice info camera/door --json'];

export function configure(command: Command, start: Start): void {
  command
    .argument('<channel>', 'its name', channelName)
    .action((channel: string, options: CommonOptions) =>
      start(options, (run) => info(run, channel)),
    );
}

async function info(run: Run, channel: string): Promise<number> {
  const directory = resolveRuntimeDirectory(run.options.dir);
  let unreadable: SluiceError | undefined;
  const [report] = await reportChannels(directory, channel, (_path, error) => {
    unreadable = error;
  });
  if (report === undefined) throw unreadable ?? notFound(channel, directory.path);
  if (run.json) run.print(safeJson(channelJson(report)));
  else for (const line of infoLines(report, await loadPaint())) run.print(line);
  if (report.error !== undefined) run.note(report.error.remedy);
  if (report.state === 'dead') return ExitCode.nothing;
  return report.facts === undefined ? ExitCode.failed : ExitCode.done;
}

function notFound(channel: string, path: string): SluiceError {
  return new SluiceError('CHANNEL_NOT_FOUND', `nobody publishes ${channel} in ${path}`, {
    details: { channel, directory: path },
    remedy: 'See what there is with `sluice ls`.',
  });
}

export function infoLines(report: ChannelReport, paint: Paint): readonly string[] {
  const { manifest, state, facts, error } = report;
  const { process: owner } = manifest;
  const since = facts === undefined ? '' : ` ${formatDuration(facts.publisher.uptimeMs)}`;
  const shownState = paintOfState(state, paint)(`${state}${since}`);
  const lines = [
    `${paint.bold(manifest.channel)}   ${shownState}   epoch ${manifest.epoch}`,
    `format     ${formatText(manifest.format)}`,
    `memory     ${memoryText(report)}`,
    `publisher  pid ${owner.pid === 0 ? 'unknown' : owner.pid} ${printable(owner.label, 128)}, uid ${owner.uid}`,
  ];
  if (facts !== undefined) {
    const { published, ratePerSecond, bytes, dropped, passedOver } = facts.publisher;
    const parts = [
      `${formatCount(published)} published`,
      `${formatRate(ratePerSecond)}/s`,
      formatBytes(bytes),
      `${formatCount(dropped)} dropped`,
    ];
    if (passedOver > 0)
      parts.push(`${formatCount(passedOver)} times passed a slow subscriber over`);
    lines.push(`traffic    ${parts.join(', ')}`);
  }
  const camera = cameraFacts(report);
  if (camera !== undefined) lines.push(`camera     ${cameraText(camera)}`);
  const userData = safeJson(manifest.userData);
  if (userData !== '{}') lines.push(`user data  ${userData}`);
  if (error !== undefined) lines.push(`no answer  ${printable(error.message, 1024)}`);
  if (facts !== undefined && facts.subscribers.length > 0) {
    lines.push(...subscriberLines(report, paint));
  }
  lines.push(`read it    sluice sub ${manifest.channel} --frames 1`);
  return lines;
}

function formatText(format: Format): string {
  const text = describeFormat(format);
  if (format.kind !== 'video') return text;
  const { color } = format;
  const bytes = formatBytes(frameByteLength(format));
  const shown =
    color === undefined
      ? ''
      : `, ${color.matrix} ${color.range}${color.guessed === true ? ' (guessed)' : ''}`;
  return `video ${text}, ${bytes} a frame${shown}`;
}

function memoryText({ manifest, facts }: ChannelReport): string {
  const { layout, slots, slotBytes } = manifest;
  const memory = placeText(manifest);
  if (layout === 'bytes') return `${memory}, ring of ${formatBytes(slots * slotBytes)}`;
  const held = facts === undefined ? '' : `, ${facts.publisher.slotsHeld} held`;
  const shape = layout === 'pool' ? 'pool' : 'ring';
  return `${memory}, ${shape} of ${slots} slots x ${formatBytes(slotBytes)}${held}`;
}

/** `host`, `cuda:0 NVIDIA H200 GPU-5f1c…`, or who writes the slots of host memory. */
function placeText({ memory, device }: ChannelReport['manifest']): string {
  if (device === undefined) return memory;
  const gpu = `${printable(device.name, 128)} ${device.uuid}`;
  return memory === 'host' ? `host, written by ${gpu}` : `${memory} ${gpu}`;
}

function subscriberLines({ manifest, facts }: ChannelReport, paint: Paint): readonly string[] {
  const rows = facts?.subscribers ?? [];
  const lines = renderTable<SubscriberFacts>(
    [
      { title: 'SUBSCRIBER', align: 'left', text: ({ label }) => label || '-', maxWidth: 32 },
      { title: 'PID', align: 'right', text: ({ pid }) => (pid === 0 ? '-' : String(pid)) },
      { title: 'DELIVERY', align: 'left', text: ({ delivery }) => delivery },
      { title: 'LAG', align: 'right', text: ({ lag }) => formatCount(lag) },
      { title: 'HELD', align: 'right', text: ({ held, leases }) => `${held}/${leases}` },
      { title: 'SKIP', align: 'right', text: ({ skipped }) => formatCount(skipped) },
      { title: 'LOST', align: 'right', text: ({ lost }) => formatCount(lost) },
      { title: 'PATH', align: 'left', text: (row) => pathText(manifest, row) },
    ],
    rows,
    paint.bold,
  );
  const omitted = facts?.omitted ?? 0;
  return omitted === 0 ? lines : [...lines, `and ${omitted} more subscribers`];
}

/** How the data reaches a subscriber: `zero-copy`, `COPY: 7.0 MB by toHost()`. */
export function pathText(manifest: ChannelReport['manifest'], facts: SubscriberFacts): string {
  const path = subscriberPath(manifest, facts);
  if (path.kind === 'copy') return `COPY: ${formatBytes(facts.bytesCopied)} ${path.how}`;
  return path.kind === 'unknown' ? '-' : path.kind;
}
