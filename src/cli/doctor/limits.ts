/** Limits of this process, from proc_pid_limits(5): name, soft limit, hard limit, unit. */

/** The soft limit of that name; Infinity for none, undefined when the text does not have it. */
export function softLimit(limits: string, name: string): number | undefined {
  const value = new RegExp(`^${name}\\s+(\\d+|unlimited)\\s`, 'm').exec(limits)?.[1];
  if (value === undefined) return undefined;
  return value === 'unlimited' ? Infinity : Number(value);
}
