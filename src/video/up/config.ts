/** The text of a file as parts, or as what is wrong with it. Nothing is opened here. */
import { type Document, LineCounter, parseDocument } from 'yaml';
import { isUrl } from '../camera/options.js';
import { MIN_SECRET_LENGTH } from '../ffmpeg/index.js';
import { checkPart, claimsOf, type Part, partsOf } from './part-spec.js';
import { type Path, Positions } from './positions.js';
import { type Problem, problemAt, problemsOf } from './problems.js';
import { configSchema } from './schema.js';
import { expandVariables } from './variables.js';

export interface Plan {
  readonly parts: readonly Part[];
  /** What variables have put in: never to be shown. */
  readonly secrets: readonly string[];
}

export type ConfigResult =
  | { readonly plan: Plan; readonly problems?: undefined }
  | { readonly plan?: undefined; readonly problems: readonly Problem[] };

/** Of thousands of mistakes the first ones are enough. */
const MAX_PROBLEMS = 50;
const MAX_ALIASES = 1000;

export function readConfig(text: string, environment: NodeJS.ProcessEnv): ConfigResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const positions = new Positions(document, lines);
  const broken = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    problemAt(positions.at(pos[0]), [], message),
  );
  if (broken.length > 0) return { problems: broken.slice(0, MAX_PROBLEMS) };
  const written = valueOf(document);
  if (typeof written === 'string') {
    return { problems: [problemAt(positions.ofValue([]), [], written)] };
  }
  const variables = new Variables(environment, positions);
  const filled = variables.fill(written, []);
  if (variables.problems.length > 0) return { problems: variables.problems };
  const result = configSchema.safeParse(filled);
  if (!result.success) {
    const problems = problemsOf(result.error, configSchema, written, positions);
    return { problems: inOrder(problems) };
  }
  const parts = partsOf(result.data, (path) => variables.valuesAt(path));
  const problems = [...wrongParts(parts, variables, positions), ...conflicts(parts, positions)];
  if (problems.length > 0) return { problems: inOrder(problems) };
  return { plan: { parts, secrets: variables.all } };
}

/** The mapping without what is only there to be repeated (`x-…`); text says why there is none. */
function valueOf(document: Document): Record<string, unknown> | string {
  const wanted = 'wanted cameras, filters, mosaics, encoders, taps, recorders, metrics or mqtt.';
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return (error as Error).message;
  }
  if (value === null || value === undefined) return `the file is empty, ${wanted}`;
  if (typeof value !== 'object' || Array.isArray(value)) return `found no mapping, ${wanted}`;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')));
}

function inOrder(problems: readonly Problem[]): Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return sorted.slice(0, MAX_PROBLEMS);
}

function wrongParts(
  parts: readonly Part[],
  variables: Variables,
  positions: Positions,
): readonly Problem[] {
  return parts.flatMap((part) => {
    try {
      checkPart(part);
      return [];
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      const message = variables.hide(error.message);
      return [problemAt(positions.ofKey(part.path), part.path, message)];
    }
  });
}

function conflicts(parts: readonly Part[], positions: Positions): readonly Problem[] {
  const owners = new Map<string, Part>();
  return parts.flatMap((part) =>
    claimsOf(part).flatMap((claim) => {
      const owner = owners.get(claim);
      if (owner === undefined) {
        owners.set(claim, part);
        return [];
      }
      const { line } = positions.ofKey(owner.path);
      const message = `${claim} is already that of ${owner.path.join('.')} in line ${line}`;
      return [problemAt(positions.ofKey(part.path), part.path, message)];
    }),
  );
}

/** Puts variables where they may stand: what a command line, a manifest or a list would show is no such place. */
class Variables {
  readonly problems: Problem[] = [];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #positions: Positions;
  readonly #values = new Map<string, readonly string[]>();

  constructor(environment: NodeJS.ProcessEnv, positions: Positions) {
    this.#environment = environment;
    this.#positions = positions;
  }

  get all(): readonly string[] {
    const distinct = new Set([...this.#values.values()].flat());
    return [...distinct].sort((a, b) => b.length - a.length);
  }

  valuesAt(path: Path): readonly string[] {
    return this.#values.get(path.join('\0')) ?? [];
  }

  hide(text: string): string {
    return this.all.reduce((shown, secret) => shown.replaceAll(secret, '…'), text);
  }

  fill(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return this.#fillText(value, path);
    if (Array.isArray(value)) return value.map((member, at) => this.fill(member, [...path, at]));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, member]) => {
      if (this.#expand(key) !== key) {
        this.#tell([...path, key], 'variables cannot stand in keys: keys are shown');
      }
      return [key, this.fill(member, [...path, key])];
    });
    return Object.fromEntries(entries) as unknown;
  }

  #expand(text: string): string {
    return expandVariables(text, this.#environment).text;
  }

  #fillText(given: string, path: Path): string {
    const { text, values, missing } = expandVariables(given, this.#environment);
    if (values.length === 0 && missing.length === 0) return text;
    const refusal = refusalOf(path, text);
    if (refusal !== undefined) this.#tell(path, refusal);
    for (const name of missing) {
      this.#tell(path, `\${${name}}: there is no such variable in the environment; set it.`);
    }
    if (values.some(({ length }) => length < MIN_SECRET_LENGTH)) {
      const found = `found a variable of less than ${MIN_SECRET_LENGTH} characters`;
      this.#tell(path, `${found}, which nothing can keep out of what is shown; write it here.`);
    }
    this.#values.set(path.join('\0'), values);
    return text;
  }

  #tell(path: Path, message: string): void {
    if (this.problems.length >= MAX_PROBLEMS) return;
    this.problems.push(problemAt(this.#positions.ofValue(path), path, message));
  }
}

/** Why no variable can stand there. */
function refusalOf(path: Path, text: string): string | undefined {
  const [section, , key] = path.map(String);
  if (section === 'mqtt') {
    return ['url', 'username', 'password'].includes(String(path[1])) ? undefined : PLACES;
  }
  if (section === 'taps' && key === 'socket') return undefined;
  if (section !== 'cameras' || (key !== 'input' && key !== 'subStream')) return PLACES;
  if (isUrl(text)) return undefined;
  return 'variables can stand in inputs that are URLs: what ffmpeg is told of others can be seen.';
}

const PLACES =
  'variables are secrets, and this is shown to others; they can stand in input and subStream of a camera that are URLs, ' +
  'the socket of a tap, and url, username and password of mqtt.';
