/** SGR of the types of text, 0 system to 7 trace. */
const TEXT_SGR = ['36', '32', '39', '31', '33', '34', '90', '2'] as const;

/** A message of text or JSON as a terminal shows it: lines in the colour of their type. */
export function textLine(type: number, value: unknown): Uint8Array {
  const line = typeof value === 'string' ? value : JSON.stringify(value);
  const sgr = TEXT_SGR[type] ?? '39';
  const body = line.replace(/\r?\n$/, '').replaceAll(/\r?\n/g, '\r\n');
  return Buffer.from(`\u001b[0;${sgr}m${body}\u001b[0m\r\n`);
}
