/** The example of the authors' adapter, on the file that `LOWRANK_DATA` has. */

import { assertMatch } from "@std/assert";
import { findAuthors } from "../../experiments/real_adapter.ts";
import { withExample } from "./with_example.ts";

const authors = await findAuthors();

Deno.test({
  name: "the authors' own adapter: one direction of query 11 is twelve times as strong as the next",
  ignore: authors === undefined,
  fn: () =>
    withExample("authors_adapter", async (_, say) => {
      const told = await say(authors!.replace(/\/[^/]*$/, ""));
      assertMatch(told, /layer\.11\.attention\.self\.query: 12\.73, then 1\.05; stable rank 1\.01/);
    }),
});
