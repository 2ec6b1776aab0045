/** 55 to 75: a comparison that is fair. @module */

import { countTrainable, injectLora, loadModel, openDevice } from "../../mod.ts";
import { grouped } from "../../src/core/numbers.ts";
import type { Figure } from "../../src/figures/figure.ts";
import { axis, barsAcross, baseLayout, linesFigure, palette } from "../../src/figures/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { formulasHtml, plotHtml } from "../drawing.ts";
import type { Part, Slide } from "../slide.ts";

/** The part. */
export async function trainingPart(): Promise<Part> {
  return {
    title: "Train",
    minutes: [55, 75],
    notebook: "Notebook 04",
    slides: [...await shareSlides(), await datesSlide(), await ratesSlide()],
  };
}

async function shareSlides(): Promise<Slide[]> {
  using device = await openDevice({ kind: "dry" });
  using model = await loadModel(device, `${rootPath}models/tiny-gpt2`);
  const full = countTrainable(model);
  using adapter = injectLora(model, { rank: 16, sites: "all", seed: 1 });
  const lora = adapter.parameterCount;
  return [{
    kind: "question",
    title: "Which share of the values does LoRA train?",
    text: ["Rank 16 on every linear layer of a model with two layers of width 256."],
    choices: ["a thousandth", "a hundredth", "a tenth"],
    minute: 62,
    notes: "Rank 16 in a model of width 256: sixteen is not small here.",
    figure: await formulasHtml("\\sum_{\\text{layers}} r\\,(d_{\\mathrm{in}} + d_{\\mathrm{out}})"),
  }, {
    kind: "answer",
    title: "Nearly a tenth: this model is narrow",
    text: ["{share} of all values. The factor of ten thousand belongs to a wide model."],
    numbers: { share: `${(100 * lora / full).toFixed(1)}%` },
    figure: await plotHtml(
      { id: "share", title: "", caption: "", ...shareBars({ full, "LoRA": lora }) },
      "Two bars of trained parameters: that of LoRA is a twelfth of the other.",
    ),
    caption: "tiny-gpt2, r = 16 on all linear layers.",
    minute: 63,
    notes: "The share is 2 r / d of a square matrix.",
  }];
}

/** Bars from zero: their lengths are what is compared. */
function shareBars(trained: Readonly<Record<string, number>>): Pick<Figure, "data" | "layout"> {
  const color = [palette.full, palette.lora[1]];
  const bars = barsAcross(Object.entries(trained), ([, values]) => values, ([label]) => label, {
    color,
  }, { text: Object.values(trained).map(grouped), textposition: "outside" });
  const x = axis("trained parameters", { range: [0, 1.75 * Math.max(...Object.values(trained))] });
  return {
    data: [bars],
    layout: baseLayout(x, axis("", { autorange: "reversed" }), { height: 240 }),
  };
}

/** The figure that notebook 04 is committed with. */
async function datesSlide(): Promise<Slide> {
  const { cells } = JSON.parse(
    await Deno.readTextFile(`${rootPath}notebooks/04_train.ipynb`),
  ) as { cells: { outputs?: { data?: Record<string, Pick<Figure, "data" | "layout">> }[] }[] };
  const figures = cells.flatMap(({ outputs = [] }) => outputs)
    .flatMap(({ data }) => data?.["application/vnd.plotly.v1+json"] ?? []);
  const [{ x, y }] = figures[0].data as unknown as { x: number[]; y: number[] }[];
  const rises = y.findIndex((right) => right > 0);
  return {
    title: "Right answers come late, and then all at once",
    text: [
      "It writes dates of years that it never saw. Up to step {before} none is right; {last} are at " +
      "the end. An answer counts only if each of its ten or so tokens is right.",
    ],
    numbers: { before: `${x[rises - 1]}`, last: `${y.at(-1)}%` },
    figure: await plotHtml(
      linesFigure({
        ...{ id: "dates", title: "", caption: "" },
        ...{ x: { title: "step" }, y: { title: "percent right" } },
      }, [{ x, y, color: palette.lora[1] }]),
      "A line that stays at zero and then rises steeply.",
    ),
    quoted: "notebook 04, as it is committed: LoRA, r = 8, 50 dates.",
    minute: 58,
    notes:
      "An answer counts only if each of its tokens is right, so the share rises late and at once.",
  };
}

async function ratesSlide(): Promise<Slide> {
  const { losses } = JSON.parse(
    await Deno.readTextFile(`${rootPath}experiments/adaptation/learning_rates.json`),
  ) as { losses: Record<string, Record<string, number>> };
  const lines = ["full", "lora-16"].map((method) => {
    const points = Object.entries(losses[method]);
    return { x: points.map(([rate]) => Number(rate)), y: points.map(([, loss]) => loss) };
  });
  const [full, lora] = lines.map(({ x, y }) => {
    const least = Math.min(...y);
    return { rate: `${x[y.indexOf(least)]}`, loss: least.toFixed(2) };
  });
  return {
    title: "Each method at its own best rate",
    text: [
      "Full fine-tuning is best at {fullRate} ({fullLoss} nats), LoRA at {loraRate} ({loraLoss}). At " +
      "one rate we would compare rates. Is LoRA on par? Write the rule first, then run.",
    ],
    numbers: {
      ...{ fullRate: full.rate, fullLoss: full.loss },
      ...{ loraRate: lora.rate, loraLoss: lora.loss },
    },
    figure: await plotHtml(
      linesFigure({
        ...{ id: "rates", title: "", caption: "" },
        ...{ x: { title: "learning rate", log: true }, y: { title: "validation loss (nats)" } },
      }, [
        { name: "full", ...lines[0] },
        { name: "LoRA, r = 16", ...lines[1] },
      ]),
      "Two curves over the learning rate; their lowest points are at different rates.",
    ),
    quoted: "the committed search on the validation split, WordNet definitions, 120 steps.",
    minute: 70,
    notes:
      "“Why not the same learning rate?” At one rate we would compare rates. Write the rule first, then run.",
  };
}
