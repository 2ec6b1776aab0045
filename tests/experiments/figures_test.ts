/** Figures of the experiments that need no training; the others are looked at where they are run. */

import { assertEquals, assertMatch } from "@std/assert";
import { DryDevice } from "../../src/device/dry.ts";
import { selectExperiments } from "../../experiments/registry.ts";
import { plotSvg } from "../../src/figures/still.ts";
import { figureFaults } from "../support/figure_rules.ts";

Deno.test("every figure that is counted has words for its axes, and plotly takes it", async () => {
  using device = new DryDevice();
  const signal = new AbortController().signal;
  const context = { device, out: "", seeds: [1], quick: true, full: false, signal, report() {} };
  for (const experiment of selectExperiments(["counting", "memory", "scaling"])) {
    const { figures } = await experiment.run(context);
    for (const figure of figures) {
      assertEquals(figureFaults(figure), [], figure.id);
      assertMatch(await plotSvg(figure), /^<svg/);
    }
  }
});

Deno.test("a figure without words is found", () => {
  const axis = { title: { text: "" } };
  const data = [{ type: "bar" as const, x: ["a", "b"], y: [1, 2] }];
  const faults = figureFaults({
    id: "f",
    title: "T",
    caption: " ",
    data,
    layout: { xaxis: axis, yaxis: axis },
  });
  assertEquals(faults, ["no words for caption", "no words for yaxis"]);
});
