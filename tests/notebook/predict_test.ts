/** Predictions in a real kernel and in a terminal. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { predict } from "../../src/notebook/mod.ts";
import { Cells } from "./cells.ts";

Deno.test("a prediction is one output, its result another, folded, with what was measured", async () => {
  await using cells = await Cells.start();
  const asked = await cells.bundle(
    `const guess = await notebook.predict('Is 3 < "4"?', ["<yes>", "no"]);`,
  );
  assertEquals(asked["text/plain"], 'Predict: Is 3 < "4"? (<yes> | no)');
  const html = String(asked["text/html"]);
  assertMatch(html, /<legend[^]*Is 3 &lt; &quot;4&quot;\?<\/legend>/);
  assertEquals(html.match(/type="radio" disabled/g)?.length, 2);
  assertEquals(html.includes("<yes>"), false);
  const shown = await cells.bundle(`await guess.reveal("<yes>", ["why", NaN]);`);
  assertEquals(shown["text/plain"], "measured: <yes>\n\nwhy\n\nNaN");
  const result = String(shown["text/html"]);
  assertMatch(result, /<details><summary[^]*Measured: <strong>&lt;yes&gt;<\/strong>[^]*why[^]*NaN/);
  assertEquals(result.includes("<details open"), false);
});

Deno.test("a range is a slider with its unit, and its result may be between two steps", async () => {
  await using cells = await Cells.start();
  const range = `{ from: 1, to: 4, step: 0.5, value: 2, unit: "times" }`;
  const asked = await cells.bundle(
    `const times = await notebook.predict("How many times less?", ${range});`,
  );
  assertEquals(asked["text/plain"], "Predict: How many times less? (1 times to 4 times)");
  assertMatch(String(asked["text/html"]), /type="range" min="0" max="6"[^]*value="2"[^]*2 times/);
  const shown = await cells.bundle("await times.reveal(3.66);");
  assertEquals(shown["text/plain"], "measured: 3.66 times");
  assertMatch(String(shown["text/html"]), /data-measured="3.66 times" data-best="3.5 times"/);
});

Deno.test("a result that is none of the listed answers is refused, and so is a list of none", async () => {
  const guess = await predict("How many?", [4, 7]);
  const message = "the result must be one of the answers 4, 7, found 6";
  await assertRejects(() => guess.reveal(6), RangeError, message);
  await assertRejects(
    () => predict("How many?", []),
    RangeError,
    "a prediction needs values, found none",
  );
});
