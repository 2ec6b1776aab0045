/** The test that a notebook's numbers are the same wherever its cells run. @module */

import { assert, assertEquals } from "@std/assert";
import { browserPath } from "../../scripts/support/parts.ts";
import { printedByDeno, printedByJupyter, printedByPage, RunningPages } from "./engines.ts";

/** Its probe takes seconds; those of the others, which are nightly, minutes. */
export const quickNotebook = "01_one_low_rank_matrix";

/**
 * Fails unless two probes are alike: to the bit but for `effectiveRank`, exp(H). ECMAScript leaves the last
 * digits of Math.exp and Math.log to the engine, two units of each here: those of the logarithms move H by 2H units.
 */
export function assertSameNumbers(found: string, expected: string): void {
  const [one, other] = [found, expected].map(byExactness);
  assertEquals(one.exact, other.exact);
  for (const [at, value] of other.effectiveRanks.entries()) {
    const most = 2 * (1 + Math.log(value)) * 2 ** -52 * value;
    const difference = Math.abs(one.effectiveRanks[at] - value);
    assert(
      difference <= most,
      `${one.effectiveRanks[at]} differs from ${value} by more than ${most}`,
    );
  }
}

function byExactness(printed: string): { exact: string; effectiveRanks: readonly number[] } {
  const effectiveRanks: number[] = [];
  const take = (key: string, value: unknown) =>
    key === "effectiveRank" ? effectiveRanks.push(value as number) && "" : value;
  return { exact: JSON.stringify(JSON.parse(printed, take)), effectiveRanks };
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
