/** The environment, changed for a while. */

/** Runs something with variables of the environment; empty ones are as good as none. */
export async function withVariables<T>(
  variables: Readonly<Record<string, string>>,
  use: () => T | Promise<T>,
): Promise<T> {
  const names = Object.keys(variables), before = names.map((name) => Deno.env.get(name));
  for (const name of names) Deno.env.set(name, variables[name]);
  try {
    return await use();
  } finally {
    for (const [i, name] of names.entries()) {
      if (before[i] === undefined) Deno.env.delete(name);
      else Deno.env.set(name, before[i]);
    }
  }
}
