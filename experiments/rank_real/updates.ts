/** Sizes, spectra and intruder dimensions of the study's updates: claims beyond the paper, tables and the study. @module */

import { mean } from "../../src/core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  line,
  palette,
  table,
} from "../../src/figures/mod.ts";
import { intervalOf } from "../../src/paper/margin.ts";
import { marginBelow, signed } from "../differences.ts";
import {
  type Claim,
  claimOn,
  type Experiment,
  experiment,
  LeftOut,
  type NotedClaim,
} from "../frame/mod.ts";
import { type ScaledPart, shares } from "../intruders.ts";
import losses from "./losses.json" with { type: "json" };
import { dataSeeds, methodOf } from "./plan.ts";
import { meanAndRange, type RealRow } from "./rows.ts";
import scaled from "./scaled.json" with { type: "json" };
import { scaledKeys, type ScaledRow } from "./scaling.ts";
import kept from "./updates.json" with { type: "json" };
import { layersOf, type UpdateLine } from "./update_lines.ts";

/** The study's updates in numbers. */
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

/** Ranks of q and v whose intruders are counted. */
const countedKeys = ["qv-1", "qv-64"] as const;

/** Directions of W + ΔW of a module among which intruders are counted. */
const leading = 10;

/** Intruders of q and v over all layers, at both ranks, with a seed of data. */
export interface IntruderCount {
  readonly seed: number;
  readonly low: number; // at r = 1
  readonly high: number; // at r = 64
  readonly of: number; // directions of a rank
}

/** The counts of the seeds that both ranks have. */
export const intruderCounts = (lines: readonly UpdateLine[]): IntruderCount[] =>
  dataSeeds.flatMap((seed) => {
    const [low, high] = countedKeys.map((key) =>
      linesOf(lines, key, seed).flatMap((line) => layersOf(line, "intruders"))
    );
    if (low.length === 0 || high.length === 0) return [];
    return [{ seed, low: sum(low), high: sum(high), of: leading * low.length }];
  });

/** Intruders by rank. */
export const countClaim: Claim<UpdateRows> = {
  text: "A low rank has more intruder dimensions: r = 1 more than r = 64",
  beyond: true,
  rule:
    "when of the 10 leading directions of W + ΔW of q and v those with no cosine of 0.5 or more with one of W are " +
    "more at r = 1 than at r = 64, for every seed, summed over all layers (Shuttleworth et al. 2024, arXiv:2410.21228)",
  ours: ({ lines }) =>
    intruderCounts(lines)
      .map(({ seed, low, high, of }) =>
        `data ${seed}: ${low} at r = 1, ${high} at r = 64, of ${of}`
      )
      .join("; "),
  holds: ({ lines }) => intruderCounts(lines).every(({ low, high }) => low > high),
};

/** The shares of the rise and of the gain that are gone with a part of ΔW. */
interface Effect extends Pick<ScaledRow, "key" | "seed"> {
  readonly undone: number; // of what the loss on the base's own texts has risen by
  readonly lost: number; // of the gain in held-out loss
}

/** An adapter with all of its ΔW: the run that was scaled, which may be of another machine than its own row. */
const wholeOf = (
  { scaled, runs }: Pick<UpdateRows, "scaled" | "runs">,
  { key, seed }: Pick<ScaledRow, "key" | "seed">,
): Pick<RealRow, "value" | "own"> | undefined =>
  [...scaled.filter(({ share }) => share === 1), ...runs].find((row) =>
    row.key === key && row.seed === seed
  );

/** The effects of a scaling on every adapter whose own row, and the base's, is there, and that has forgotten and gained. */
function effects({ scaled, runs }: UpdateRows, part: ScaledPart, share: number): Effect[] {
  const base = runs.find(({ key }) => key === "base");
  return scaled.filter((row) => row.part === part && row.share === share).flatMap((row) => {
    const { key, seed } = row, whole = wholeOf({ scaled, runs }, row);
    if (!base || !whole) return [];
    const forgotten = whole.own! - base.own!, gained = base.value - whole.value;
    if (forgotten <= 0 || gained <= 0) return [];
    const undone = (whole.own! - row.own) / forgotten, lost = (row.value - whole.value) / gained;
    return [{ key, seed, undone, lost }];
  });
}

/** The effects of both parts taken out, at every rank that is scaled, with one seed. */
interface SeedEffects extends Readonly<Record<ScaledPart, readonly Effect[]>> {
  readonly seed: number;
}

/** The seeds that have all of it. */
function bySeed(rows: UpdateRows): SeedEffects[] {
  const [found, control] = (["intruders", "control"] as const).map((part) =>
    effects(rows, part, 0)
  );
  return dataSeeds.map((seed) => {
    const of = (all: readonly Effect[]) => all.filter((effect) => effect.seed === seed);
    return { seed, intruders: of(found), control: of(control) };
  }).filter((own) =>
    [own.intruders, own.control].every(({ length }) => length === scaledKeys.length)
  );
}

/** The share that is undone beyond the one that is lost, the mean of several adapters. */
const balance = (all: readonly Effect[]): number =>
  mean(all.map(({ undone, lost }) => undone - lost));

/** The intruders' balance minus the control's, for each seed. */
const aboveControl = (rows: UpdateRows): number[] =>
  bySeed(rows).map(({ intruders, control }) => balance(intruders) - balance(control));

/** Half of the 95% interval of its mean, by Student's t over the seeds. */
const controlInterval = (rows: UpdateRows): number => {
  const each = aboveControl(rows);
  return intervalOf(marginBelow(0, mean(each), each));
};

const percent = (values: readonly number[]) => `${(100 * mean(values)).toFixed(1)}%`;

const undoneAndLost = (all: readonly Effect[]) =>
  `undone ${percent(all.map(({ undone }) => undone))}, lost ${
    percent(all.map(({ lost }) => lost))
  }`;

const outOf = (rows: UpdateRows, part: ScaledPart) => bySeed(rows).flatMap((own) => own[part]);

/** Intruders taken out, beside as much of ΔW. */
export const scalingClaim: Claim<UpdateRows> = {
  text:
    "Taking out intruder dimensions undoes more of what was forgotten than it loses of the task, and more so than taking " +
    "out as much of ΔW",
  beyond: true,
  rule:
    "when, with the intruders' part of ΔW taken out at r = 1 and 8, more of what the loss on the base's own texts " +
    "has risen by is undone, as a share, than of the gain in held-out loss is lost, on average over ranks and " +
    "seeds; and the difference of both shares is larger than where as much of ‖ΔW‖ is taken out of the same " +
    "modules along random directions of ΔW, for every seed, and on average by more than the seeds' 95% interval",
  ours: (rows) =>
    `${undoneAndLost(outOf(rows, "intruders"))}; without as much of ΔW ${
      undoneAndLost(outOf(rows, "control"))
    }`,
  holds: (rows) =>
    balance(outOf(rows, "intruders")) > 0 && aboveControl(rows).every((above) => above > 0) &&
    mean(aboveControl(rows)) > controlInterval(rows),
  found: (rows) =>
    `Above the control: ${
      aboveControl(rows).map((above) => signed(100 * above)).join(", ")
    } points, of which the mean is known to ± ${(100 * controlInterval(rows)).toFixed(1)}. ${
      scaledKeys.map((key) => heldText(rows, key)).join(" ")
    } Intruders scaled by ${
      shares.map((share) => `${share}: ${undoneAndLost(effects(rows, "intruders", share))}`)
        .join("; ")
    }.`,
  note:
    "At r = 1 ΔW has one direction, so that the control is ΔW made smaller: the same where that direction is the intruder.",
};

/** `At r = 8 the intruders hold 61.0% of ‖ΔW‖².` */
const heldText = ({ scaled }: UpdateRows, key: string) => {
  const held = scaled.filter((row) =>
    row.key === key && row.part === "intruders" && row.share === 0
  );
  return `At r = ${key.slice("qv-".length)} the intruders hold ${
    percent(held.map((row) => row.held))
  } of ‖ΔW‖².`;
};

/** The claims whose numbers are there, of two seeds at least: one tells nothing of others. */
export function updateClaims(rows: UpdateRows): Claim<UpdateRows>[] {
  return [
    ...intruderCounts(rows.lines).length > 1 ? [countClaim] : [],
    ...bySeed(rows).length > 1 ? [scalingClaim] : [],
  ];
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
        [key, heading, "text", (line: UpdateLine) =>
          meanAndRange(layersOf(line, key), decimals)] as const
      ),
      ["intruders", "intruders", "count", (line) =>
        sum(layersOf(line, "intruders"))],
      ["blockIntruders", "of blocks of three", "count", (line) =>
        sum(layersOf(line, "blockIntruders"))],
    ],
    rows: lines,
  });

/** The losses of every adapter with its intruders scaled: a line for each, and a cross for the control. */
export function scalingFigure({ scaled, runs }: UpdateRows): Figure {
  const base = runs.find(({ key }) => key === "base");
  const curves = [...Map.groupBy(scaled, ({ key, seed }) => `${key} ${seed}`).values()];
  const rise = ({ own }: Pick<RealRow, "own">) => own! - base!.own!;
  const value = (row: Pick<RealRow, "value">) => row.value;
  return {
    id: "rank-real-scaling",
    title: "Intruder dimensions scaled down: the task's loss against what was forgotten",
    caption: `One line for each adapter, from all of ΔW to none of its intruders' part (${
      [1, ...shares].join(", ")
    }); a cross of its color where as much of ‖ΔW‖ is taken out along random directions of ΔW. The base is at 0, ${
      base?.value.toFixed(3)
    }.`,
    data: base === undefined ? [] : curves.flatMap((own) => {
      const [{ key, seed }] = own, color = palette.series[scaledKeys.indexOf(key)];
      const whole = wholeOf({ scaled, runs }, own[0]);
      const of = (part: ScaledPart) => own.filter((row) => row.part === part && row.share !== 1);
      const name = `r = ${key.slice("qv-".length)}, data ${seed}`;
      return [
        line([...whole ? [whole] : [], ...of("intruders")], rise, value, { color, width: 1.5 }, {
          name,
        }),
        dots(of("control"), rise, value, { color, size: 9, symbol: "cross" }, {
          name: `${name}, control`,
          showlegend: false,
        }),
      ];
    }),
    layout: baseLayout(
      axis("rise of the loss on the base's own texts (nats)"),
      axis("held-out loss (nats per token)"),
      { height: 380, showlegend: true },
    ),
  };
}

/** Updates in numbers on SmolLM2: kept of the runs of `train:real`, which no job makes again. */
export const realUpdates: Experiment = experiment<never, UpdateRows>({
  name: "rank-real-updates",
  title: "What do adapters of a real decoder change, and what do they forget with?",
  question:
    "How large is ΔW beside W on SmolLM2-135M, how many directions does it have, and are directions that W " +
    "does not have, its intruder dimensions, what an adapter forgets with?",
  source: "Hu et al. 2021, section 7; Shuttleworth et al. 2024 (arXiv:2410.21228)",
  beyond: true,
  rows: () =>
    kept.rows.length === 0
      ? new LeftOut("no numbers of the runs of deno task train:real are shipped")
      : {
        lines: kept.rows as unknown as UpdateRows["lines"],
        scaled: scaled.rows as UpdateRows["scaled"],
        runs: losses.rows.rows as unknown as readonly RealRow[],
      },
  settings: `Quoted, not measured in this job: deno task train:real, ${kept.source}.`,
  claims: (rows) =>
    updateClaims(rows).map((claim) => claimOn(claim, () => rows)) as NotedClaim<UpdateRows>[],
  tables: [updatesTable],
  figures: [(rows) => rows.scaled.length > 0 ? [scalingFigure(rows)] : []],
});
