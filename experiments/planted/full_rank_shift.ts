/** A shift of full rank and scarce data: when LoRA loses to full fine-tuning. @module */

import { bestUpdate, crossing, reducedRank } from "../../src/analysis/mod.ts";
import { linearTask, type LinearTaskSpec } from "../../src/data/mod.ts";
import { axis, baseLayout, dots, line, palette, table, upright } from "../../src/figures/mod.ts";
import { difference, squaredNorm } from "../../src/linalg/mod.ts";
import { type Experiment, experiment, type PlanContext } from "../frame/mod.ts";
import { type LinearResult, linearRows, type LinearRun, planLinear } from "./linear_runs.ts";

/** Thresholds of the rules; `experiments/planted/rules.md` gives the reasons. */
const tolerance = 0.01, crossingTolerance = 0.1, judgedRank = 8;
const width = 64, examples = 128, noise = 0.0555;

/** The runs: every exponent, full fine-tuning and LoRA, and every seed. */
export function shiftRuns({ seeds, full, quick }: PlanContext): LinearRun[] {
  const exponents = quick ? [0, 2] : [0, 0.25, 0.5, 0.75, 1, 1.5, 2];
  const ranks: LinearRun["rank"][] = full && !quick ? ["full", 2, 8, 32] : ["full", 8];
  const taskOf = (exponent: number, seed: number): LinearTaskSpec => {
    const shift = { kind: "power", exponent } as const;
    return { width, shift, norm: 1, inputs: "white", examples, noise, seed };
  };
  return seeds.flatMap((seed) =>
    exponents.flatMap((exponent) =>
      ranks.map((rank) => ({ task: taskOf(exponent, seed), rank, seed }))
    )
  );
}

type ShiftRow = ReturnType<typeof rowOf>;

/** A run next to the known answer; risks are shares of the risk without adaptation. */
function rowOf({ task, rank, seed, update }: LinearResult) {
  const { shift, inputs, residuals } = linearTask(task);
  const best = bestUpdate(reducedRank(inputs, residuals), rank === "full" ? width : rank);
  // The norm of D is 1, so that its square is the risk without adaptation.
  const riskOf = (found: typeof update) => squaredNorm(difference(shift, found));
  const method = rank === "full" ? "full fine-tuning" : `LoRA, r = ${rank}`;
  const { exponent } = task.shift as { exponent: number };
  return { method, rank, exponent, seed, risk: riskOf(update), known: riskOf(best) };
}

/** The ranks where LoRA's curve crosses full fine-tuning's, measured and known, for each seed. */
function crossings(rows: readonly ShiftRow[]) {
  return [...Map.groupBy(rows, ({ seed }) => seed)].map(([seed, own]) => {
    const full = own.filter(({ rank }) => rank === "full");
    const lora = own.filter(({ rank }) => rank === judgedRank);
    const at = (key: "risk" | "known") =>
      crossing(full.map((row, i) => ({ x: row.exponent, gap: lora[i][key] - row[key] })));
    const losesAtFlat = lora[0].risk > full[0].risk;
    const winsAtSteep = lora.at(-1)!.risk < full.at(-1)!.risk;
    return { seed, measured: at("risk"), known: at("known"), losesAtFlat, winsAtSteep };
  });
}

const worst = (rows: readonly ShiftRow[]) =>
  Math.max(...rows.map(({ risk, known }) => Math.abs(risk - known)));

const say = (place?: number) => place?.toFixed(2) ?? "none";
const besideKnown = ({ measured, known }: { measured?: number; known?: number }) =>
  `at a = ${say(measured)}, known ${say(known)}`;

/** A vertical line where the known answers of the first seed cross. */
function crossingLine(x: number | undefined) {
  if (x === undefined) return {};
  const text = `known crossing, r = ${judgedRank}: a = ${x.toFixed(2)}`;
  return {
    shapes: [upright(x, { color: palette.base, width: 1, dash: "dash" })],
    annotations: [{ x, y: 1, yref: "paper", text, showarrow: false, xanchor: "left" }],
  };
}

/** Full fine-tuning and LoRA on shifts from flat to steep, with the crossing. */
export const fullRankShift: Experiment = experiment({
  name: "full-rank-shift",
  seconds: 3,
  title: "When a full-rank shift makes LoRA lose to full fine-tuning",
  question:
    "How flat must the spectrum of a task's shift be for LoRA to lose to full fine-tuning? The paper " +
    "leaves open when a small rank is not enough; here we know where the two curves cross.",
  source: "Question left open by Hu et al. 2021, sections 7.2 and 8",
  runs: (context) => shiftRuns(context).map((run) => planLinear(run, context.quick)),
  rows: linearRows<ShiftRow>(rowOf),
  settings:
    `${width} inputs and outputs, ${examples} examples with white (uncorrelated) inputs and noise of standard ` +
    `deviation ${noise} on every output, D of norm 1 and full rank. Trained to the end, no early stopping.`,
  scale: true,
  beyond: true,
  claims: [{
    text: "With scarce data, both methods reach the risk that least squares and reduced-rank " +
      "regression predict",
    rule: `when |risk - known| is at most ${tolerance} of the risk without adaptation for every ` +
      "exponent, method and seed",
    ours: (rows) => `off by at most ${worst(rows).toExponential(1)}`,
    holds: (rows) => worst(rows) <= tolerance,
  }, {
    text: "LoRA wins if the shift's spectrum falls fast and loses if it is flat enough",
    rule: `when LoRA at r = ${judgedRank} has the lower risk at a = 2 and the higher at a = 0, ` +
      `and the curves cross within ${crossingTolerance} of where those of the known risks do, for every seed`,
    holds: (rows) =>
      crossings(rows).every(({ measured = NaN, known = NaN, losesAtFlat, winsAtSteep }) =>
        Math.abs(measured - known) <= crossingTolerance && losesAtFlat && winsAtSteep
      ),
    ours: (rows) => `cross ${crossings(rows).map(besideKnown).join("; ")}`,
  }],
  tables: [(rows) =>
    table({
      id: "full-rank-shift",
      title: "Excess risk, as a share of the risk without adaptation",
      columns: [
        ["method", "method", "text"],
        ["exponent", "exponent a", "text", ({ exponent }) => `${exponent}`],
        ["seed", "seed", "count"],
        ["risk", "measured", "share"],
        ["known", "known", "share"],
      ],
      rows,
    })],
  figures: [(rows) => {
    const [{ seed }] = rows, [{ known }] = crossings(rows);
    const exponent = (row: ShiftRow) => row.exponent;
    const data = [...Map.groupBy(rows, ({ method }) => method)].flatMap(([name, own], place) => {
      const color = [palette.full, ...palette.lora][place],
        first = own.filter((row) => row.seed === seed);
      return [
        line(first, exponent, ({ known }) => known, { color }, { showlegend: false }),
        dots(own, exponent, ({ risk }) => risk, { color, size: 9 }, { name }),
      ];
    });
    return {
      id: "full-rank-shift",
      title: "Excess risk by the decay of the shift's singular values, i^-a",
      caption:
        "Marks: trained, one for each seed ({seeds}). Lines: least squares and reduced-rank regression " +
        `on the same ${examples} examples, seed {seed}. On the left the spectrum is flat, ` +
        "and what LoRA cannot express outweighs the noise that full fine-tuning learns.",
      data,
      layout: baseLayout(
        axis("exponent a of the shift's spectrum"),
        axis("excess risk (share of that without adaptation)", { rangemode: "tozero" }),
        { height: 400, ...crossingLine(known) },
      ),
    };
  }],
});
