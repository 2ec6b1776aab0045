/** Names of modules: matching their ends, and listing them in error sentences. @module */

/** PEFT's rule for the members of a list: the whole path of a module, or its last parts. */
export function isNamed(name: string, module: string): boolean {
  return name === module || name.endsWith(`.${module}`);
}

/**
 * Names with their layer numbers folded: `transformer.h.0…11.attn.c_attn` for twelve of them.
 */
export function listNames(names: readonly string[]): string {
  const numbers = new Map<string, number[]>();
  for (const name of names) {
    const layer = /\.(\d+)\./.exec(name);
    const folded = layer ? name.replace(layer[0], ".#.") : name;
    numbers.set(folded, [...numbers.get(folded) ?? [], ...(layer ? [Number(layer[1])] : [])]);
  }
  return [...numbers].map(([folded, layers]) => folded.replace("#", rangeOf(layers))).join(", ");
}

function rangeOf(layers: readonly number[]): string {
  const first = Math.min(...layers), last = Math.max(...layers);
  if (first === last) return `${first}`;
  const whole = new Set(layers).size === last - first + 1;
  return whole ? `${first}…${last}` : `{${[...new Set(layers)].join(",")}}`;
}
