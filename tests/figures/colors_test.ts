/** A method has the same color in every figure. */

import { assert, assertEquals } from "@std/assert";
import { linesFigure, linesSlider, plot } from "../../src/figures/mod.ts";
import { colorsOf, palette, type Trace } from "../../src/figures/figure.ts";
import { colorFaults } from "../support/figure_rules.ts";
import { figuresDrawn } from "../support/notebook_compare.ts";
import {
  codeCells,
  notebookNames,
  notebooksPath,
  readNotebook,
} from "../../scripts/support/notebook_file.ts";

const [blue, orange, green] = palette.series;

const colorsIn = (data: readonly Trace[]) =>
  Object.fromEntries(data.map(({ name, line }) => [name, (line as { color: string }).color]));

Deno.test("LoRA is blue and full fine-tuning orange, in whatever order they are drawn", () => {
  assertEquals([palette.lora[1], palette.full], [blue, orange]);
  const y = [3, 2], x = [1, 2], expected = { "full fine-tuning": orange, "LoRA, r = 16": blue };
  const heldOut = { loss: y, heldOut: [{ step: 0, loss: 4 }] };
  const words = { id: "a", title: "a", caption: "", x: { title: "x" }, y: { title: "y" } };
  for (const names of [Object.keys(expected), Object.keys(expected).reverse()]) {
    const lines = names.map((name) => ({ name, x, y }));
    const plotted = plot(Object.fromEntries(names.map((name) => [name, heldOut]))).data;
    assertEquals(colorsIn(plotted), {
      ...expected,
      ...{ "full fine-tuning, held out": orange, "LoRA, r = 16, held out": blue },
    });
    assertEquals(colorsIn(linesFigure(words, lines).data), expected);
    const slider = linesSlider({ ...words, name: "n" }, [{ label: "1", lines }]);
    assertEquals(colorsIn(slider.data), expected);
  }
  assertEquals(colorsIn(linesFigure(words, [{ name: "full", x, y, color: green }]).data), {
    full: green,
  });
});

Deno.test("names of no method take the series in order, without the colors of methods beside them", () => {
  assertEquals(colorsOf(["NF4", "F32", "LoRA+"]), [blue, orange, green]);
  assertEquals(colorsOf(["a", "LoRA", "b", "full-rank shift"]), [orange, blue, green, "#cc79a7"]);
  assertEquals(colorsOf(["a", "FT", "the base", "merged"]), [blue, orange, palette.base, green]);
});

Deno.test("no two of many methods have one color", () => {
  const names = [
    ...["full fine-tuning", "top layer", "BitFit", "adapters, m = 4", "prefix-embedding"],
    ...["prefix-layer", "LoRA, r = 4", "LoRA (q, v) and prefix-layer", "base, not adapted"],
  ];
  const ranks = [1, 2, 4, 8, 16, 32].map((rank) => `LoRA, r = ${rank}`);
  for (const some of [names, ranks, [...names, "merged", ...ranks]]) {
    assertEquals(new Set(colorsOf(some)).size, some.length, colorsOf(some).join());
  }
});

Deno.test("in the figures that notebooks are committed with, every method has its color", async () => {
  const faults: string[] = [];
  let named = 0;
  for (const name of notebookNames()) {
    const cells = codeCells(await readNotebook(`${notebooksPath}/${name}.ipynb`));
    for (const { id, outputs } of cells) {
      const figures = outputs.flatMap((output) =>
        "data" in output ? figuresDrawn(output.data) : []
      );
      const data = (figures as { data?: Trace[] }[]).flatMap(({ data = [] }) => data);
      faults.push(...colorFaults(data).map((fault) => `${name}, cell ${id}: ${fault}`));
      named += data.filter((trace) => /^(full|LoRA)/.test(trace.name ?? "")).length;
    }
  }
  assertEquals([...new Set(faults)], []);
  assert(named > 15, `${named} lines of methods`);
});
