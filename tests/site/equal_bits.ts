/** The test that a notebook's numbers have the same bits wherever its cells run. @module */

import { assertEquals } from "@std/assert";
import { browserPath } from "../support/parts.ts";
import { printedByDeno, printedByJupyter, printedByPage, RunningPages } from "./engines.ts";

/** Its probe takes seconds; those of the others, which are nightly, minutes. */
export const quickNotebook = "01_one_low_rank_matrix";

/** Compares a notebook's probe in a page, in Deno's Jupyter kernel and in Deno, on the cpu device. */
export const testEqualBits = (name: string): void =>
  Deno.test({
    name: `numbers of ${name} have equal bits in a page, in Jupyter and in Deno`,
    ignore: !browserPath(),
    fn: async () => {
      await using pages = await RunningPages.start([name]);
      await using page = await pages.open(name);
      const printed = await printedByPage(page, name);
      assertEquals(page.errors, []);
      assertEquals(JSON.parse(printed).length > 3, true);
      assertEquals(printed, await printedByDeno(name));
      assertEquals(printed, await printedByJupyter(name));
    },
  });
