/** What the demo proves, as plain data: printed for people, and by `--json` for scripts. */
import { readdirSync } from 'node:fs';
import { frameByteLength } from '../format/index.js';
import type { Memory } from '../memory/index.js';
import { cameraFormat } from './channels.js';
import type { Director, RoleTotals } from './director.js';
import { READERS } from './script.js';

export interface DemoReport {
  readonly passed: boolean;
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly source: string;
  /** Where the frames were: 'host', or a GPU, from whose memory they were copied. */
  readonly memory: Memory;
  readonly frameBytes: number;
  readonly totals: {
    readonly published: number;
    readonly received: number;
    readonly bytesInPlace: number;
    readonly bytesCopied: number;
    readonly torn: number;
    readonly lost: number;
    readonly reconnects: number;
  };
  readonly latencyUs: { readonly p50: number; readonly p99: number };
  readonly readers: Readonly<Record<string, RoleTotals>>;
  readonly killed: readonly string[];
  readonly snapshots: number;
  readonly snapshotFolder: string;
}

export function makeReport(
  director: Director,
  facts: {
    seconds: number;
    source: string;
    memory: Memory;
    snapshotFolder: string;
    stoppedEarly: boolean;
  },
): DemoReport {
  const readers = Object.fromEntries(READERS.map((role) => [role, director.totals(role)]));
  const sum = (key: keyof RoleTotals): number =>
    Object.values(readers).reduce((total, reader) => total + reader[key], 0);
  const camera = director.totals('camera');
  const last = READERS.map((role) => director.lastReport(role));
  const totals = {
    published: camera.frames,
    received: sum('frames'),
    bytesInPlace: sum('bytesInPlace'),
    bytesCopied: sum('bytesCopied'),
    torn: sum('torn'),
    lost: sum('lost'),
    reconnects: sum('reconnects'),
  };
  const problems = [
    ...(director.failure === undefined ? [] : [director.failure]),
    ...(totals.torn > 0 ? [`${totals.torn} torn frames`] : []),
    ...(totals.lost > 0 ? [`${totals.lost} lost frames`] : []),
    ...(totals.bytesCopied > 0 && facts.memory === 'host'
      ? [`${totals.bytesCopied} bytes copied`]
      : []),
    ...READERS.filter((role) => (readers[role]?.frames ?? 0) === 0).map(
      (role) => `the ${role} got no frame`,
    ),
    ...(facts.stoppedEarly || totals.reconnects >= READERS.length
      ? []
      : ['not every reader reconnected']),
  ];
  return {
    passed: problems.length === 0,
    problems,
    seconds: facts.seconds,
    source: facts.source,
    memory: facts.memory,
    frameBytes: frameByteLength(cameraFormat),
    totals,
    latencyUs: {
      p50: Math.max(...last.map((report) => report?.p50Us ?? 0)),
      p99: Math.max(...last.map((report) => report?.p99Us ?? 0)),
    },
    readers,
    killed: facts.stoppedEarly ? [] : ['detector', 'camera'],
    snapshots: readdirSync(facts.snapshotFolder).filter((name) => name.endsWith('.png')).length,
    snapshotFolder: facts.snapshotFolder,
  };
}
