/** Words for a test that is called by hand: `deno test -A FILE -- --seed 5`. @module */

/**
 * The whole number after `--name`.
 *
 * @param otherwise The number if there is none.
 */
export function wordOf(name: string, otherwise: number): number {
  const place = Deno.args.indexOf(`--${name}`), text = Deno.args[place + 1];
  if (place < 0) return otherwise;
  const value = Number(text || NaN);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value;
  throw new RangeError(`--${name} must be a whole number below 2^31, found ${text}`);
}

/** The number after `--seed`, or another one each time, which is printed. */
export function seedOf(): number {
  const seed = wordOf("seed", crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
  console.log(`--seed ${seed}`);
  return seed;
}
