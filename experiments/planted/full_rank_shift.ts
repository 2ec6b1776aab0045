/** A shift of full rank, scarce data: where LoRA begins to lose to full fine-tuning. @module */

import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Trace } from "../../src/figures/plotly_types.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment, PlanContext } from "../frame/experiment.ts";
import { judge } from "../verdict.ts";
import { crossing } from "./crossing.ts";
import { type LinearResult, type LinearRun, linearRuns, planLinearRuns } from "./linear_runs.ts";
import { linearTask, type LinearTaskSpec } from "./linear_task.ts";
import { bestUpdate, difference, linearMetric, squares } from "./linear_theory.ts";
import { seedList } from "../seed_list.ts";

/** Marks of the rules; `docs/decisions/0013_rules_of_the_planted_tasks.md` gives the reasons. */
const tolerance = 0.01, crossingTolerance = 0.1, judgedRank = 8;

const width = 64, examples = 128, noise = 0.0555;

const exponents = [0, 0.25, 0.5, 0.75, 1, 1.5, 2];

type Rank = LinearRun["rank"];

function ranksOf({ full, quick }: PlanContext): Rank[] {
  return full && !quick ? ["full", 2, 8, 32] : ["full", 8];
}

/** The runs: every exponent, full fine-tuning and LoRA, and every seed. */
export function shiftRuns(context: PlanContext): LinearRun[] {
  const chosen = context.quick ? [0, 2] : exponents;
  const task = (exponent: number, seed: number): LinearTaskSpec => {
    const shift = { kind: "power", exponent } as const;
    return { width, shift, norm: 1, inputs: "white", examples, noise, seed };
  };
  return context.seeds.flatMap((seed) =>
    chosen.flatMap((exponent) =>
      ranksOf(context).map((rank) => ({ task: task(exponent, seed), rank, seed }))
    )
  );
}

/** A run held against the known answer; risks are shares of the unadapted one. */
interface ShiftRow {
  readonly method: string;
  readonly rank: Rank;
  readonly exponent: number;
  readonly seed: number;
  readonly risk: number;
  readonly known: number;
}

const methodOf = (rank: Rank) => rank === "full" ? "full fine-tuning" : `LoRA, r = ${rank}`;

function rowOf({ task, rank, seed, update }: LinearResult): ShiftRow {
  const { shift, ...data } = linearTask(task);
  const known = bestUpdate(linearMetric({ shift, ...data }), rank === "full" ? width : rank);
  // The norm of D is 1, so that its square is the unadapted risk.
  const riskOf = (found: typeof update) => squares(difference(shift, found));
  const { exponent } = task.shift as { exponent: number };
  return {
    ...{ method: methodOf(rank), rank, exponent, seed },
    risk: riskOf(update),
    known: riskOf(known),
  };
}

/** Where LoRA's curve crosses full fine-tuning's, measured and known, for one seed. */
interface Crossing {
  readonly seed: number;
  readonly measured: number | undefined;
  readonly known: number | undefined;
  readonly losesAtFlat: boolean;
  readonly winsAtSteep: boolean;
}

function crossingOf(rows: readonly ShiftRow[], seed: number): Crossing {
  const curve = (rank: Rank) => rows.filter((row) => row.seed === seed && row.rank === rank);
  const full = curve("full"), lora = curve(judgedRank);
  const at = (key: "risk" | "known") =>
    crossing(full.map((row, i) => ({ x: row.exponent, gap: lora[i][key] - row[key] })));
  return {
    seed,
    measured: at("risk"),
    known: at("known"),
    losesAtFlat: lora[0].risk > full[0].risk,
    winsAtSteep: lora.at(-1)!.risk < full.at(-1)!.risk,
  };
}

function findings(rows: readonly ShiftRow[], seeds: readonly number[], quick: boolean): Finding[] {
  const worst = Math.max(...rows.map(({ risk, known }) => Math.abs(risk - known)));
  return [{
    claim: "With scarce data, both methods come out where least squares and reduced-rank " +
      "regression say",
    rule:
      `held when |risk - known answer| is at most ${tolerance} of the unadapted risk for every ` +
      "exponent, method and seed",
    found: `${rows.length} runs; the largest difference is ${worst.toExponential(1)}.`,
    verdict: judge(worst <= tolerance, quick),
  }, crossingFinding(seeds.map((seed) => crossingOf(rows, seed)), quick)];
}

function crossingFinding(crossings: readonly Crossing[], quick: boolean): Finding {
  const near = ({ measured, known }: Crossing) =>
    measured !== undefined && known !== undefined &&
    Math.abs(measured - known) <= crossingTolerance;
  const held = crossings.every((one) => near(one) && one.losesAtFlat && one.winsAtSteep);
  const places = crossings.map(({ seed, measured, known }) =>
    `seed ${seed}: ${measured?.toFixed(2) ?? "none"}, known ${known?.toFixed(2) ?? "none"}`
  );
  return {
    claim: "LoRA wins while the shift's spectrum falls fast and loses once it is flat enough",
    rule:
      `held when LoRA at r = ${judgedRank} has the lower risk at a = 2 and the higher at a = 0, ` +
      `and the curves cross within ${crossingTolerance} of where the known answers do, for every seed`,
    found: `The curves cross at a = ${places.join("; ")}.`,
    verdict: judge(held, quick),
  };
}

/** An upright where the known answers of the first seed cross. */
function crossingLine({ known }: Crossing) {
  if (known === undefined) return {};
  const upright = { x0: known, x1: known, y0: 0, y1: 1, yref: "paper" };
  const text = `known crossing, r = ${judgedRank}: a = ${known.toFixed(2)}`;
  return {
    shapes: [{ type: "line", ...upright, line: { color: palette.base, width: 1, dash: "dash" } }],
    annotations: [{ x: known, y: 1, yref: "paper", text, showarrow: false, xanchor: "left" }],
  };
}

function shiftFigure(rows: readonly ShiftRow[]): Figure {
  const first = rows.filter(({ seed }) => seed === rows[0].seed);
  const methods = [...new Set(rows.map(({ method }) => method))];
  const points = (own: readonly ShiftRow[], key: "risk" | "known") => ({
    x: own.map(({ exponent }) => exponent),
    y: own.map((row) => row[key]),
  });
  const traces = methods.flatMap((method, place): Trace[] => {
    const color = [palette.full, ...palette.lora][place];
    const of = (all: readonly ShiftRow[]) => all.filter((row) => row.method === method);
    const known = { ...points(of(first), "known"), line: { color }, showlegend: false };
    const trained = { ...points(of(rows), "risk"), marker: { color, size: 9 }, name: method };
    return [
      { type: "scatter", mode: "lines", ...known },
      { type: "scatter", mode: "markers", ...trained },
    ];
  });
  return {
    id: "full-rank-shift",
    title: "Excess risk against how fast the shift's singular values i^-a fall",
    caption:
      `Marks: trained, one for each seed (${
        seedList(rows)
      }). Lines: least squares and reduced-rank regression ` +
      `on the same ${examples} examples, seed ${
        rows[0].seed
      }. To the left the shift is of full rank ` +
      "and flat, and what LoRA cannot express outweighs what full fine-tuning learns of the noise.",
    data: traces,
    layout: baseLayout(
      axis("exponent a of the shift's spectrum"),
      axis("excess risk (share of the unadapted)", { rangemode: "tozero" }),
      { height: 400, ...crossingLine(crossingOf(rows, rows[0].seed)) },
    ),
  };
}

function shiftTable(rows: readonly ShiftRow[]): DataTable {
  return {
    id: "full-rank-shift",
    title: "Excess risk as a share of the unadapted one",
    columns: [
      { key: "method", label: "method", unit: "text" },
      { key: "exponent", label: "exponent a", unit: "text" },
      { key: "seed", label: "seed", unit: "count" },
      { key: "risk", label: "measured", unit: "share" },
      { key: "known", label: "known answer", unit: "share" },
    ],
    rows: rows.map(({ rank: _, exponent, ...row }) => ({ ...row, exponent: String(exponent) })),
  };
}

/** Full fine-tuning and LoRA on shifts from flat to steep, with the crossing. */
export const fullRankShift: Experiment = {
  name: "full-rank-shift",
  title: "Where a full-rank shift makes LoRA lose",
  question:
    "How flat must a task's shift be until LoRA loses to full fine-tuning? The paper leaves " +
    "open when a small rank is not enough; here the answer is known and the crossing can be shown.",
  source: "Question left open by Hu et al. 2021, sections 7.2 and 8",
  runs: (context) => Promise.resolve(planLinearRuns(shiftRuns(context), context)),
  async run(context) {
    const rows = (await linearRuns(shiftRuns(context), context)).map(rowOf);
    return {
      settings: `${width} inputs and outputs, ${examples} white examples with noise of deviation ` +
        `${noise} on every output, D of norm 1 and full rank. Trained to the end, no early stop.`,
      findings: findings(rows, context.seeds, context.quick),
      tables: [shiftTable(rows)],
      figures: [shiftFigure(rows)],
    };
  },
};
