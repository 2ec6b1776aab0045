import { assertEquals } from "@std/assert";
import { verdictFigure } from "../../experiments/paper_tables.ts";

Deno.test("the bars leave out tables that arithmetic does not reach, and quoted cells", () => {
  const none = { "equal when rounded": 0, "equal when truncated": 0, "differs": 0, "quoted": 9 };
  const { data } = verdictFigure(
    new Map([
      ["Table 1", { ...none, "equal when rounded": 3, "differs": 1 }],
      ["Table 8", none],
    ]),
  );
  assertEquals(data.map(({ name, x, y }) => [name, x, y]), [
    ["equal when rounded", [3], ["Table 1"]],
    ["equal when truncated", [0], ["Table 1"]],
    ["differs", [1], ["Table 1"]],
  ]);
});
