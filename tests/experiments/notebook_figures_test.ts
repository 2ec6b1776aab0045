/** Figures that notebooks draw of what they measured themselves. */

import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { quotedFromPaper } from "../../experiments/mod.ts";
import { type Figure, sliderFigure } from "../../src/figures/figure.ts";
import { lossCurves } from "../../src/figures/mod.ts";
import {
  latencyFigure,
  latencyTable,
  prefixFigure,
  prefixLayout,
  prefixTraces,
  taskLossFigure,
  weightFigure,
} from "../../src/inspect/mod.ts";
import { plotSvg } from "../../src/figures/still.ts";
import { figureFaults } from "../support/figure_rules.ts";

async function looksRight(figure: Figure): Promise<string> {
  assertEquals(figureFaults(figure), []);
  const svg = await plotSvg(figure);
  assertMatch(svg, /^<svg/);
  return svg;
}

Deno.test("loss curves end where they are, on an axis of the whole run", async () => {
  const losses = [4, 3.5];
  const figure = lossCurves([{ name: "full", losses, color: "#d55e00" }], {
    id: "losses",
    caption: "seed 1",
    steps: 60,
  });
  losses.push(3.25);
  assertEquals(figure.data[0].x, [1, 2]);
  assertEquals(figure.data[0].y, [4, 3.5]);
  assertEquals(figure.layout.xaxis!.range, [0, 61]);
  assertStringIncludes(await looksRight(figure), ">full</text>");
});

Deno.test("the axis of task losses does not move with them", async () => {
  const task = { task: "nouns", base: 4, adapted: 3 };
  const [low, high] = [2, 5.5].map((loss) => taskLossFigure([{ ...task, loss }], "64 pairs"));
  assertEquals(low.layout, high.layout);
  assertEquals(low.data.map(({ x }) => x), [[2], [4], [3]]);
  await looksRight(low);
});

Deno.test("what is kept and what is cut off are all singular values, each once", async () => {
  const values = [3.000001, 2, 0.5];
  for (const rank of [1, 2, 3]) {
    const [kept, cut] = prefixTraces(values, rank);
    assertEquals([kept.x, cut.x].flat(), [1, 2, 3]);
    assertEquals([kept.y, cut.y].flat(), [3, 2, 0.5]);
    assertEquals(kept.x!.length, rank);
  }
  const steps = [1, 3].map((rank) => ({ label: `${rank}`, data: prefixTraces(values, rank) }));
  const words = { id: "p", title: "prefix", caption: "seed 1", name: "rank" };
  await looksRight(sliderFigure({ ...words, steps, layout: prefixLayout(values) }));
});

Deno.test("a cut is drawn beside what was trained at its rank", async () => {
  const trained = [{ rank: 1, loss: 3.7 }, { rank: 64, loss: 3.4 }];
  const figure = prefixFigure(trained, [{ rank: 1, loss: 4 }, { rank: 64, loss: 3.4 }]);
  const svg = await looksRight(figure);
  assertStringIncludes(svg, ">trained at 64, cut to this rank</text>");
});

Deno.test("losses over the weight have a line for each adapter", async () => {
  const curve = { weights: [0, 1], losses: [4.4, 3.5] };
  const figure = weightFigure([{ name: "q, v", ...curve }, { name: "q, k", ...curve }], "one seed");
  assertEquals(figure.data.map(({ name }) => name), ["q, v", "q, k"]);
  await looksRight(figure);
});

Deno.test("latencies are drawn in the order in which they were timed", async () => {
  const timings = ["base", "unmerged", "merged"].map((label, i) => {
    return { label, minimum: 1 + i, median: 2 + i, middleHalf: 0.1, each: [] };
  });
  const figure = latencyFigure(timings, 16, "cpu");
  assertEquals(figure.data[0].x, [2, 3, 4]);
  const layers = ["H", "L"].map((label) => ({ ...timings[0], label }));
  const both = latencyFigure([...timings, ...layers], 16, "cpu");
  assertMatch(both.caption!, /on every linear layer; H and L are adapter layers; cpu\.$/);
  assertMatch(figure.caption!, /on every linear layer; cpu\.$/);
  const heights = [figure, both].map(({ layout: { height } }) => height);
  assertEquals(heights, [200, 280]);
  await looksRight(both);
  await looksRight(figure);
  assertStringIncludes(latencyTable(timings, [32, 48]).title, "32 x 48 tokens");
});

Deno.test("a quoted table has the cells that are printed, and names of tables are known", () => {
  const { title, columns, rows } = quotedFromPaper("table6");
  assertMatch(title, /^Table 6 of Hu et al. 2021, quoted: /);
  assertEquals(columns.length, 6);
  assertEquals(rows.find(({ row }) => row === "WikiSQL, W_q, W_v")?.[4], "73.5");
  const one = quotedFromPaper("table1");
  assertEquals(one.rows[0][0], undefined);
  // As the paper has it: three batch sizes with the same three columns each.
  assertEquals(one.columns.slice(1).map(({ group }) => group), [
    ...["32 × 512", "16 × 256", "1 × 128"].flatMap((group) => [group, group, group]),
  ]);
  assertEquals(one.columns.slice(1, 4).map(({ label }) => label), [
    "adapter parameters",
    "ms",
    "slow-down",
  ]);
  assertEquals(quotedFromPaper("table7").columns.some(({ group }) => group), false);
  assertThrows(() => quotedFromPaper("table99"), RangeError, 'found "table99"');
});
