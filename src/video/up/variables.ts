/** `${NAME}` in text is the value of an environment variable; `$${` is a plain `${`. */

export interface Expanded {
  readonly text: string;
  /** What was put in: not to be shown. */
  readonly values: readonly string[];
  /** Names for which there is no variable. */
  readonly missing: readonly string[];
}

/** The text after each `${` that is no name, such as `${A-B}`, stays as it is. */
export function expandVariables(given: string, environment: NodeJS.ProcessEnv): Expanded {
  const values: string[] = [];
  const missing: string[] = [];
  const text = given.replaceAll(/\$\$\{|\$\{(\w+)\}/g, (found, name: string | undefined) => {
    if (name === undefined) return '${';
    const value = environment[name];
    if (value === undefined) missing.push(name);
    else values.push(value);
    return value ?? found;
  });
  return { text, values, missing };
}
