/** The same cells in a page, in Deno's Jupyter kernel and in Deno: equal bits on the cpu device. */

import { assertEquals } from "@std/assert";
import { browserPath, tierIsWanted } from "../support/parts.ts";
import { printedByDeno, printedByJupyter, printedByPage, RunningPages } from "./engines.ts";
import { probes } from "./probes.ts";

/** The part tier has this one; its probe takes seconds. */
const quick = "01_one_low_rank_matrix";

for (const name of Object.keys(probes)) {
  Deno.test({
    name: `numbers of ${name} have equal bits in a page, in Jupyter and in Deno`,
    ignore: !browserPath() || !(name === quick || tierIsWanted("nightly")),
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
}
