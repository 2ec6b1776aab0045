/** The faults of `deno task test:faults` are edits of code that is there. */

import { assertEquals } from "@std/assert";
import { faults } from "../../scripts/faults.ts";
import { sourceText } from "../support/source_files.ts";

Deno.test("every fault finds the code that it breaks, once", () => {
  const places = faults.map((
    { what, file, right },
  ) => [what, sourceText(file).split(right).length - 1]);
  assertEquals(places.filter(([, count]) => count !== 1), []);
});
