/** The test that a notebook's numbers are the same wherever its cells run. @module */

import { assert, assertEquals } from "@std/assert";
import { browserPath } from "../../scripts/support/parts.ts";
import { printedByDeno, printedByJupyter, printedByPage, RunningPages } from "./engines.ts";

/** Its probe takes seconds; probes of the other notebooks, which are nightly, take minutes. */
export const quickNotebook = "01_one_low_rank_matrix";

/**
 * The largest difference of numbers with these names. ECMAScript leaves the last digits of Math.exp, Math.log and
 * Math.cos to the engine: two units (2⁻⁵²) of each here.
 */
const differences: Readonly<Record<string, (value: number) => number>> = {
  // exp(H): the units of its logarithms move H by 2H units.
  effectiveRank: (value) => 2 * (1 + Math.log(value)) * 2 ** -52 * value,
  // Similarities of the row spaces of two 64 x 256 normal matrices G, each value a logarithm's root times a cosine: four
  // units. A space turns by at most ‖δG‖ / σ_min(G) ≈ 4 √(64 · 256) / (√256 - √64) = 64 units, a similarity by twice
  // the turns of two.
  drawn: () => 256 * 2 ** -52,
};

/** Fails unless two probes are alike: to the bit, but for numbers with names that pass through the engine's functions. */
export function assertSameNumbers(found: string, expected: string): void {
  const [one, other] = [found, expected].map(byExactness);
  assertEquals(one.exact, other.exact);
  assertEquals(one.engines.length, other.engines.length);
  for (const [at, [name, value]] of other.engines.entries()) {
    const [, own] = one.engines[at], most = differences[name](value);
    assert(Math.abs(own - value) <= most, `${name}: ${own} is further than ${most} from ${value}`);
  }
}

function byExactness(printed: string) {
  const engines: [name: string, value: number][] = [];
  const exact = JSON.parse(printed, (name, value) => {
    if (!Object.hasOwn(differences, name)) return value;
    engines.push(...[value].flat(3).map((one) => [name, one] as [string, number]));
    return name;
  });
  return { exact, engines };
}

/** Compares a notebook's probe in a page, in Deno's Jupyter kernel and in Deno, on the cpu device. */
export const testSameNumbers = (name: string): void =>
  Deno.test({
    name: `numbers of ${name} are the same in a page, in Jupyter and in Deno`,
    ignore: !browserPath(),
    fn: async () => {
      await using pages = await RunningPages.start([name]);
      await using page = await pages.open(name);
      const printed = await printedByPage(page, name);
      assertEquals(page.errors, []);
      assertEquals(JSON.parse(printed).length > 3, true);
      assertSameNumbers(printed, await printedByDeno(name));
      assertSameNumbers(printed, await printedByJupyter(name));
    },
  });
