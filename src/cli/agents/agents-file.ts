/** `agents.yaml`: agents by their names. What is wrong in it is told with line and column. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { printable, SluiceError } from '../../core/index.js';
import {
  type AgentOptions,
  CLIPBOARD_PERMISSIONS,
  isAgentName,
  MIN_LOG_BYTES,
  RESTART_POLICIES,
} from '../../terminal/session/index.js';
import {
  describeProblem,
  type Problem,
  problemAt,
  problemsOf,
  Positions,
} from '../../video/up/index.js';
import type { Run } from '../run.js';
import { plural } from '../units.js';
import { assertProgram } from './commands-in-words.js';
import { chosenPermissions, PERMISSION_WORDS } from './permission-words.js';

const MAX_BYTES = 1 << 20;
const MAX_ALIASES = 1000;
const NAME = 'a name of a-z 0-9 . _ - that begins with a letter or digit';

const COMMAND = 'a line for a shell, or a list of words';
const SIZE = 'COLUMNSxROWS, as 120x40';

const WORDS = `a list of ${PERMISSION_WORDS.join(', ')}`;
const permissions = z.array(z.enum(PERMISSION_WORDS, { error: WORDS }), { error: WORDS });

const agent = z
  .strictObject(
    {
      command: z.union([z.string().min(1), z.array(z.string()).min(1)], { error: COMMAND }),
      cwd: z.string({ error: 'a path' }).exactOptional(),
      env: z
        .record(z.string(), z.string({ error: 'text' }), { error: 'a mapping of texts' })
        .exactOptional(),
      restart: z.enum(RESTART_POLICIES, { error: RESTART_POLICIES.join(', ') }).exactOptional(),
      size: z
        .string({ error: SIZE })
        .regex(/^(?:[2-9]|[1-9]\d{1,2}|1000)x(?:[1-9]\d{0,2}|1000)$/, { error: SIZE })
        .exactOptional(),
      maxLogBytes: z
        .int({ error: `an integer from ${MIN_LOG_BYTES} on` })
        .min(MIN_LOG_BYTES, { error: `an integer from ${MIN_LOG_BYTES} on` })
        .exactOptional(),
      clipboard: z
        .enum(CLIPBOARD_PERMISSIONS, { error: CLIPBOARD_PERMISSIONS.join(', ') })
        .exactOptional(),
      allow: permissions.exactOptional(),
      deny: permissions.exactOptional(),
    },
    { error: 'keys of command, cwd, env, restart, size, maxLogBytes, clipboard, allow, deny' },
  )
  .refine(({ allow = [], deny = [] }) => !allow.some((word) => deny.includes(word)), {
    error: 'nothing that allow has, too',
    path: ['deny'],
  });

const schema = z.strictObject(
  {
    agents: z.record(z.string().refine(isAgentName, { error: NAME }), agent, {
      error: 'agents by their names',
    }),
  },
  { error: 'a mapping with agents' },
);

type Defaults = Omit<AgentOptions, 'name' | 'command'>;

/**
 * Paths in the file are from its folder. Throws `CONFIG_INVALID` after every mistake was said, `UsageError` for programs
 * that are not there.
 */
export async function readAgentsFile(
  run: Run,
  path: string,
  given: Defaults,
): Promise<readonly AgentOptions[]> {
  const { agents, problems } = parseAgents(await readText(path));
  if (problems.length > 0) {
    for (const problem of problems) run.note(describeProblem(path, problem));
    const found = `${printable(path, 200)} has ${plural(problems.length, 'mistake')}`;
    throw new SluiceError('CONFIG_INVALID', found, {
      details: { path, problems },
      remedy: 'Mend the file; the lines above say where.',
    });
  }
  const folder = dirname(resolve(path));
  return Object.entries(agents).map(([name, entry]) => {
    const { command, cwd, env, restart, size, maxLogBytes } = entry;
    const [columns, rows] = (size ?? `${given.columns}x${given.rows}`).split('x').map(Number);
    const made: AgentOptions = {
      name,
      command: typeof command === 'string' ? ['/bin/sh', '-c', command] : command,
      directory: cwd === undefined ? folder : resolve(folder, cwd),
      environment: { ...given.environment, ...env },
      columns: columns ?? given.columns,
      rows: rows ?? given.rows,
      restart: restart ?? given.restart,
      maxLogBytes: maxLogBytes ?? given.maxLogBytes,
      permissions: chosenPermissions(entry, given.permissions),
    };
    assertProgram(made.command, made.directory, made.environment);
    return made;
  });
}

type Agents = z.output<typeof schema>['agents'];

/** What the text says, or what is wrong with it. */
export function parseAgents(text: string): {
  readonly agents: Agents;
  readonly problems: readonly Problem[];
} {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const positions = new Positions(document, lines);
  const broken = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    problemAt(positions.at(pos[0]), [], message),
  );
  if (broken.length > 0) return { agents: {}, problems: broken };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return {
      agents: {},
      problems: [problemAt(positions.ofValue([]), [], (error as Error).message)],
    };
  }
  const result = schema.safeParse(value);
  if (result.success) return { agents: result.data.agents, problems: [] };
  return { agents: {}, problems: problemsOf(result.error, schema, value, positions) };
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = printable(`${path} cannot be read: ${why}`, 500);
    throw new SluiceError('CONFIG_INVALID', message, { cause, details: { path } });
  }
}
