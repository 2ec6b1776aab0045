/** The updates' sizes, spectra and intruder dimensions: claims beyond the paper, and tables. @module */

import { fromTo, mean } from "../../src/core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  type Figure,
  line,
  palette,
  table,
} from "../../src/figures/mod.ts";
import type { Claim } from "../frame/mod.ts";
import { dataSeeds, methodOf } from "./plan.ts";
import type { RealRow } from "./rows.ts";
import { scaledKeys, type ScaledRow, shares } from "./scaling.ts";
import { layersOf, type NumberName, type UpdateLine } from "./update_lines.ts";

/** What is known of all updates. */
export interface UpdateRows {
  /** Two for each adapter: q and v. */
  readonly lines: readonly UpdateLine[];
  /** Adapters whose intruders were scaled. */
  readonly scaled: readonly ScaledRow[];
  /** The base and the reported runs. */
  readonly runs: readonly RealRow[];
}

/** The lines of a rank's reported run with a seed of data. */
const linesOf = (lines: readonly UpdateLine[], key: string, seed: number) =>
  lines.filter(({ name }) => name === `${key}-start${methodOf(key).starts + seed}-data${seed}`);

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

/** Intruders of q and v over all layers, a number for each seed that has them. */
export function intruderCounts(lines: readonly UpdateLine[], key: string): number[] {
  return dataSeeds.map((seed) => linesOf(lines, key, seed)).filter(({ length }) => length > 0)
    .map((own) => sum(own.flatMap((line) => layersOf(line, "intruders"))));
}

/** Has a low rank more of them? */
export const countClaim: Claim<UpdateRows> = {
  text: "A low rank has more intruder dimensions: r = 1 more than r = 64",
  beyond: true,
  rule:
    "when of the 10 leading directions of W + ΔW of q and v those with no cosine of 0.5 or more with one of W are " +
    "more at r = 1 than at r = 64, for every seed, summed over all layers (Shuttleworth et al. 2024, arXiv:2410.21228)",
  ours: ({ lines }) =>
    ["qv-1", "qv-64"].map((key) => `${key.slice(3)}: ${intruderCounts(lines, key).join(", ")}`)
      .join("; ") + ", of 600",
  holds({ lines }) {
    const [low, high] = ["qv-1", "qv-64"].map((key) => intruderCounts(lines, key));
    return low.every((count, seed) => count > high[seed]);
  },
};

/** What scaling by a share undoes of the rise of the loss on the base's texts, and loses of the gain, as shares. */
function effects({ scaled, runs }: UpdateRows, share: number) {
  const base = runs.find(({ key }) => key === "base")!;
  return scaled.filter((row) => row.share === share).map((row) => {
    const whole = runs.find(({ key, seed }) => key === row.key && seed === row.seed)!;
    return {
      undone: (whole.own! - row.own) / (whole.own! - base.own!),
      lost: (row.value - whole.value) / (base.value - whole.value),
    };
  });
}

const percent = (values: readonly number[]) => `${(100 * mean(values)).toFixed(1)}%`;

/** Are they what is forgotten with? */
export const scalingClaim: Claim<UpdateRows> = {
  text: "Without its intruder dimensions an adapter forgets less than it loses of the task",
  beyond: true,
  rule:
    "when, with the intruders' part of ΔW taken out at r = 1 and 8, more of what the loss on the base's own texts " +
    "has risen by is undone, as a share, than of the gain in held-out loss is lost, on average over ranks and seeds",
  ours(rows) {
    const all = effects(rows, 0);
    return `undone ${percent(all.map(({ undone }) => undone))}, lost ${
      percent(all.map(({ lost }) => lost))
    }`;
  },
  holds(rows) {
    const all = effects(rows, 0);
    return mean(all.map(({ undone }) => undone)) > mean(all.map(({ lost }) => lost));
  },
  found: (rows) =>
    `Scaled by ${
      shares.map((share) => {
        const all = effects(rows, share);
        return `${share}: ${percent(all.map(({ undone }) => undone))} and ${
          percent(all.map(({ lost }) => lost))
        }`;
      }).join("; ")
    }.`,
};

/** The claims whose numbers are there. */
export function updateClaims(rows: UpdateRows): Claim<UpdateRows>[] {
  const { lines, scaled } = rows;
  const hasCounts = ["qv-1", "qv-64"].every((key) => intruderCounts(lines, key).length > 0);
  const hasScaled = scaledKeys.every((key) => scaled.some((row) => row.key === key));
  return [...hasCounts ? [countClaim] : [], ...hasScaled ? [scalingClaim] : []];
}

/** Every adapter: means over the layers with their range. */
export const updatesTable = ({ lines }: UpdateRows): DataTable =>
  table<UpdateLine>({
    id: "rank-real-updates",
    title:
      "Updates of q and v: mean over 30 layers, and range; intruders of 300 leading directions",
    columns: [
      ["name", "adapter", "text"],
      ["site", "site", "text"],
      ...([
        ["relativeNorm", "‖ΔW‖ / ‖W‖", 3],
        ["stableRank", "stable rank", 2],
        ["effectiveRank", "effective rank", 2],
        ["energyRank90", "directions of 90%", 1],
        ["first", "first direction's share", 2],
        ["aboveNoise", "above the noise edge", 1],
        ["timesRandom", "factor by that of random directions", 2],
      ] as const).map(([key, heading, decimals]) =>
        [key, heading, "text", (line: UpdateLine) => summary(line, key, decimals)] as const
      ),
      ["intruders", "intruders", "count", (line) => sum(layersOf(line, "intruders"))],
      ["blockIntruders", "of blocks of three", "count", (line) =>
        sum(layersOf(line, "blockIntruders"))],
    ],
    rows: lines,
  });

function summary(line: UpdateLine, key: NumberName, decimals: number): string {
  const values = layersOf(line, key);
  return `${mean(values).toFixed(decimals)} (${fromTo(values, decimals)})`;
}

/** What scaling does, a line for each adapter. */
export function scalingFigure({ scaled, runs }: UpdateRows): Figure {
  const base = runs.find(({ key }) => key === "base");
  const curves = [...Map.groupBy(scaled, ({ key, seed }) => `${key} ${seed}`).values()];
  return {
    id: "rank-real-scaling",
    title: "Intruder dimensions scaled down: the task's loss against what was forgotten",
    caption: `One line for each adapter, from all of ΔW to none of its intruders' part (${
      [1, ...shares].join(", ")
    }); the base is at ${base?.value.toFixed(3)}, 0.`,
    data: base === undefined ? [] : curves.map((own) => {
      const [{ key, seed }] = own,
        whole = runs.find((run) => run.key === key && run.seed === seed)!;
      const points = [{ value: whole.value, own: whole.own! }, ...own];
      const style = { color: palette.series[scaledKeys.indexOf(key)], width: 1.5 } as const;
      return line(points, (row) => row.own - base.own!, ({ value }) => value, style, {
        name: `r = ${key.slice(3)}, data ${seed}`,
      });
    }),
    layout: baseLayout(
      axis("rise of the loss on the base's own texts (nats)"),
      axis("held-out loss (nats per token)"),
      { height: 380, showlegend: true },
    ),
  };
}
