/** Colours, by picocolors; loaded only where they are shown, because most output goes to a pipe. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  inverse(text: string): string;
}

const plain = (text: string): string => text;

export const NO_PAINT: Paint = Object.freeze({
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
  inverse: plain,
});

/** NO_COLOR (no-color.org) switches colours off, FORCE_COLOR on; else a terminal has them, a pipe does not. */
export function wantsColor(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  if (environment['NO_COLOR']) return false;
  if (environment['FORCE_COLOR']) return environment['FORCE_COLOR'] !== '0';
  return isTerminal && environment['TERM'] !== 'dumb';
}

export async function loadPaint(isTerminal = process.stdout.isTTY === true): Promise<Paint> {
  if (!wantsColor(process.env, isTerminal)) return NO_PAINT;
  const { default: picocolors } = await import('picocolors');
  return picocolors.createColors(true);
}
