/** Adapters that share a subspace, and whether they could share a basis; decision 0041 has the rules. @module */

import { mean } from "../../src/core/numbers.ts";
import {
  type DataTable,
  type Figure,
  heatmaps,
  linesFigure,
  linesSlider,
  palette,
  sliderFigure,
  table,
} from "../../src/figures/mod.ts";
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import shipped from "./rank_waste.json" with { type: "json" };
import {
  allStarts,
  type BasisRow,
  type PairRow,
  type Side,
  sides,
  type SiteRow,
  type Starts,
  wasteRate,
  type WasteRows,
  wasteRows,
  type WasteRun,
  wasteRuns,
  wasteShares,
  wasteSites,
  wasteSteps,
  wasteTasks,
} from "./rows.ts";

/** Thresholds of the rules. */
const alike = 2, common = 2, fewer = 0.75, judgedEnergy = 0.9, judgedShare = 0.5;

/** The ranks of some rows. */
const ranksOf = (
  { pairs }: WasteRows,
): number[] => [...new Set(pairs.map((row) => row.rank))];

/** Mean φ(r, r) between different tasks, and what it is by chance. */
function betweenTasks(
  { pairs }: WasteRows,
  rank: number,
  starts: Starts,
  side: Side,
): Pick<PairRow, "all" | "chance"> {
  const own = pairs.filter((row) =>
    row.rank === rank && row.starts === starts && row.side === side && row.one !== row.two
  );
  return { all: mean(own.map(({ all }) => all)), chance: mean(own.map(({ chance }) => chance)) };
}

/** Directions together over those of random ones, as a mean over sites. */
function neededShare({ sites }: WasteRows, rank: number, side: Side): number {
  const own = sites.filter((row) =>
    row.rank === rank && row.starts === "own" && row.side === side && row.energy === judgedEnergy
  );
  return mean(own.map(({ together, byChance }) => together / byChance));
}

/** The row of a way at a share of the values. */
const basisOf = (
  { bases }: WasteRows,
  rank: number,
  starts: Starts,
  way: BasisRow["way"],
  share: number,
): BasisRow | undefined =>
  bases.find((row) =>
    row.rank === rank && row.starts === starts && row.way === way && row.share === share
  );

const lossOf = (rows: WasteRows, rank: number, way: BasisRow["way"], share: number): number =>
  basisOf(rows, rank, "own", way, share)!.loss;

/** Percentage by which a shared basis stores fewer values than adapters that are cut down. */
function fewerValues(rows: WasteRows, rank: number): string {
  const [shared, cut] = (["shared basis", "cut down"] as const).map((way) =>
    basisOf(rows, rank, "own", way, judgedShare)!.values
  );
  return (100 * (1 - shared / cut)).toFixed(1);
}

/** Ranks at which adapters have learned nothing. */
export const unlearned = (rows: WasteRows): number[] =>
  ranksOf(rows).filter((rank) => !(lossOf(rows, rank, "all", 1) < lossOf(rows, rank, "none", 0)));

const atRanks = (rows: WasteRows, word: (rank: number) => string): string =>
  ranksOf(rows).map((rank) => `r = ${rank}: ${word(rank)}`).join("; ");

const isTrap: Claim<WasteRows> = {
  text: "Adapters that start alike look alike, whatever they learn",
  rule:
    `when at every rank the mean φ(r, r) of inputs between different tasks is at least ${alike} times as ` +
    "large with one start as with starts of their own",
  ours: (rows) =>
    atRanks(rows, (rank) => {
      const [one, own] = startsAt(rows, rank);
      return `${one.toFixed(2)} and ${own.toFixed(2)}`;
    }),
  holds: (rows) =>
    ranksOf(rows).every((rank) => {
      const [one, own] = startsAt(rows, rank);
      return one >= alike * own;
    }),
  found: (rows) => `φ with one start and with starts of their own, ${isTrap.ours!(rows)}.`,
};

const startsAt = (rows: WasteRows, rank: number): number[] =>
  (["one", "own"] as const).map((starts) => betweenTasks(rows, rank, starts, "inputs").all);

const isCommon: Claim<WasteRows> = {
  text: "Different tasks learn common directions",
  rule:
    `when with starts of their own, at every rank the mean φ(r, r) between different tasks is at least ${common} ` +
    "times what it is by chance, for inputs and for outputs",
  ours: (rows) =>
    atRanks(rows, (rank) => timesChance(rows, rank).map((n) => n.toFixed(1)).join(" and ")),
  holds: (rows) =>
    ranksOf(rows).every((rank) => timesChance(rows, rank).every((times) => times >= common)),
  found: (rows) => `Times chance, of inputs and of outputs, ${isCommon.ours!(rows)}.`,
};

function timesChance(rows: WasteRows, rank: number): number[] {
  return sides.map((side) => {
    const { all, chance } = betweenTasks(rows, rank, "own", side);
    return all / chance;
  });
}

const isFewer: Claim<WasteRows> = {
  text: "Adapters of different tasks need fewer directions than random ones",
  rule:
    `when with starts of their own, at every rank the four tasks together need at most ${
      100 * fewer
    }% of the ` +
    `directions of random ones for ${
      100 * judgedEnergy
    }% of their energy, as means over the sites, for inputs ` +
    "and for outputs",
  ours: (rows) =>
    atRanks(
      rows,
      (rank) =>
        sides.map((side) => `${(100 * neededShare(rows, rank, side)).toFixed(0)}%`).join(" and "),
    ),
  holds: (rows) =>
    ranksOf(rows).every((rank) => sides.every((side) => neededShare(rows, rank, side) <= fewer)),
  found: (rows) => `Of random ones, of inputs and of outputs, ${isFewer.ours!(rows)}.`,
};

const isCheaper: Claim<WasteRows> = {
  text: "At half of the values, a shared basis loses less than cutting each adapter's rank",
  rule:
    "when with starts of their own, the mean loss of the four tasks with the shared basis is below that of " +
    "adapters cut down, at every rank",
  note:
    "The two do not store as many values: a basis has whole directions and the largest number " +
    "of them that fits, which at small ranks leaves much of the budget unused, so r = 2 and 4 " +
    "favor cutting. At r = 16 and 32 the losses differ by 0.0016 and 0.0010 nats with two " +
    "seeds, which is within noise. At r = 2 half is the only budget that leaves a whole rank.",
  ours: (rows) =>
    atRanks(rows, (rank) => halved(rows, rank).map((loss) => loss.toFixed(3)).join(" and ")),
  holds: (rows) =>
    ranksOf(rows).every((rank) => {
      const [shared, cut] = halved(rows, rank);
      return shared < cut;
    }),
  found: (rows) =>
    `Nats with a shared basis and cut down, ${isCheaper.ours!(rows)}; whole: ${
      ranksOf(rows).map((rank) => lossOf(rows, rank, "all", 1).toFixed(3)).join(", ")
    }. The basis stores ${
      ranksOf(rows).map((rank) => fewerValues(rows, rank)).join(", ")
    }% fewer values.`,
};

const halved = (rows: WasteRows, rank: number): number[] =>
  (["shared basis", "cut down"] as const).map((way) => lossOf(rows, rank, way, judgedShare));

/** The four of decision 0041; none where adapters have learned nothing. */
export const wasteClaims = (rows: WasteRows): readonly Claim<WasteRows>[] =>
  unlearned(rows).length > 0 ? [] : [isTrap, isCommon, isFewer, isCheaper];

/** All three tables, whose rows are shipped. */
const wasteTables = ({ pairs, sites, bases }: WasteRows): DataTable[] => [
  table<PairRow>({
    id: "pairs",
    title: "What adapters of two tasks have in common: φ, means over the sites",
    columns: [
      ["rank", "r", "count"],
      ["starts", "starts", "text"],
      ["side", "side", "text"],
      ["one", "task", "text"],
      ["two", "other task", "text"],
      ["all", "φ(r, r)", "share"],
      ["chance", "by chance", "share"],
      ["top", "φ(1, 1)", "share"],
    ],
    rows: pairs,
  }),
  table<SiteRow>({
    id: "sites",
    title: "Directions that the four tasks need together, by kind of site",
    columns: [
      ["rank", "r", "count"],
      ["starts", "starts", "text"],
      ["site", "site", "text"],
      ["side", "side", "text"],
      ["energy", "energy held", "share"],
      ["together", "together", "number"],
      ["byChance", "random ones", "number"],
      ["alone", "sharing none", "number"],
    ],
    rows: sites,
  }),
  table<BasisRow>({
    id: "bases",
    title: "What a shared basis loses, and cutting each adapter down",
    columns: [
      ["rank", "r", "count"],
      ["starts", "starts", "text"],
      ["way", "stored", "text"],
      ["share", "share of values, at most", "share"],
      ["values", "values", "count"],
      ["error", "relative error", "share"],
      ["loss", "loss (nats per token)", "nats"],
    ],
    rows: bases,
  }),
];

const taskNumbers = wasteTasks.map(({ name }, i) => `${i + 1} ${name}`).join(", ");

/** φ(r, r) between all tasks, by rank. */
const pairsFigure = (rows: WasteRows): Figure =>
  sliderFigure({
    id: "rank-waste-pairs",
    title: "What adapters of two tasks have in common",
    caption:
      `φ(r, r), mean over the sites and seeds {seeds}. ${taskNumbers}. On the diagonal: the same task, ` +
      "trained with another seed and another start. “One start”: A was the same before training.",
    name: "rank",
    steps: ranksOf(rows).map((rank) => {
      const own = rows.pairs.filter((row) => row.rank === rank), [{ chance }] = own;
      return {
        label: `${rank}`,
        caption: `By chance ${chance.toFixed(3)}.`,
        ...heatmaps({
          columns: sides.flatMap((side) =>
            allStarts.map((starts) => `${side}, ${starts === "own" ? "own starts" : "one start"}`)
          ),
          rows: [{
            label: "task",
            panels: sides.flatMap((side) => allStarts.map((starts) => panelOf(own, side, starts))),
          }],
          xTitle: "task",
          panelHeight: 150,
        }),
      };
    }),
  });

function panelOf(pairs: readonly PairRow[], side: Side, starts: Starts): number[][] {
  const own = pairs.filter((row) => row.side === side && row.starts === starts);
  const at = (one: string, two: string) => own.find((row) => row.one === one && row.two === two);
  return wasteTasks.map(({ name: one }) =>
    wasteTasks.map(({ name: two }) => (at(one, two) ?? at(two, one))?.all ?? NaN)
  );
}

/** The share of the adapters' directions that is needed, by rank; a position for each kind of site and side. */
const sitesFigure = (rows: WasteRows): Figure =>
  linesSlider(
    {
      id: "rank-waste-sites",
      title: "Directions that four adapters need together, of the 4 r that they have",
      caption:
        "For 90% of their energy; means over blocks and seeds {seeds}. What is missing from 100% is waste: " +
        "each adapter's own (above “sharing none”), what chance gives (down to “random”), and what is shared.",
      name: "site",
      x: { title: "rank r", log: true },
      y: { title: "% of 4 r" },
    },
    [undefined, ...wasteSites].flatMap((site) =>
      sides.map((side) => ({
        label: `${site ?? "all sites"}, ${side}`,
        lines: neededLines(rows, site, side),
      }))
    ),
  );

function neededLines(rows: WasteRows, site: string | undefined, side: Side) {
  const x = ranksOf(rows);
  const line = (
    name: string,
    starts: Starts,
    key: "alone" | "byChance" | "together",
    color: string,
    dashed = false,
  ) => ({
    ...{ name, x, color, dashed },
    y: x.map((rank) => {
      const own = rows.sites.filter((row) =>
        row.rank === rank && row.starts === starts && row.side === side && row.energy === 0.9 &&
        (site === undefined || row.site === site)
      );
      return 100 * mean(own.map((row) => row[key])) / (wasteTasks.length * rank);
    }),
  });
  return [
    line("sharing none", "own", "alone", palette.base, true),
    line("random", "own", "byChance", palette.series[2], true),
    line("own starts", "own", "together", palette.series[0]),
    line("one start", "one", "together", palette.series[1]),
  ];
}

/** The losses of adapters that are stored in fewer values; a position for each rank, with axes of its own. */
const lossFigure = (rows: WasteRows): Figure => {
  const words = {
    id: "rank-waste-loss",
    title: "What is lost if the adapters are stored in fewer values",
    caption:
      "Mean held-out loss of the four tasks minus that of whole adapters; starts of their own, seeds {seeds}. " +
      "Each rank has axes of its own.",
    x: { title: "values stored, % of the four adapters'" },
    y: { title: "loss (nats)" },
  };
  const steps = ranksOf(rows).map((rank) => {
    const { data, layout } = linesFigure(words, lossLines(rows, rank));
    return { label: `${rank}`, data, layout };
  });
  return sliderFigure({ ...words, name: "rank", steps });
};

function lossLines(rows: WasteRows, rank: number) {
  const whole = basisOf(rows, rank, "own", "all", 1)!;
  return (["shared basis", "cut down"] as const).map((way) => {
    const own = wasteShares.map((share) => basisOf(rows, rank, "own", way, share))
      .filter((row) => row !== undefined);
    const points = [...own, whole];
    return {
      name: way,
      x: points.map(({ values }) => 100 * values / whole.values),
      y: points.map(({ loss }) => loss - whole.loss),
    };
  });
}

/** The relative error at half of the values, by rank. */
function errorFigure(rows: WasteRows): Figure {
  const x = ranksOf(rows);
  const line = (way: BasisRow["way"], starts: Starts, dashed = false) => ({
    name: `${way}, ${starts === "own" ? "own starts" : "one start"}`,
    ...{ x, dashed, y: x.map((rank) => 100 * basisOf(rows, rank, starts, way, 0.5)!.error) },
  });
  return linesFigure(
    {
      id: "rank-waste-error",
      title: "What four adapters lose at half of their values",
      caption: "‖ΔW − ΔW′‖ / ‖ΔW‖ over all sites, means over the tasks and seeds {seeds}.",
      x: { title: "rank r", log: true },
      y: { title: "error, % of ‖ΔW‖" },
    },
    allStarts.flatMap((starts) => [line("shared basis", starts), line("cut down", starts)]),
  );
}

/** All figures, in the order of the report. */
export const wasteFigures: readonly ((rows: WasteRows) => Figure)[] = [
  sitesFigure,
  pairsFigure,
  errorFigure,
  lossFigure,
];

const settings = (rows: WasteRows): string => {
  const none = unlearned(rows), names = wasteTasks.map(({ name }) => name).join(", ");
  return `LoRA on all linear layers of the small base, α = 16, ${wasteSteps} steps of 16 pairs at rate ${wasteRate}. ` +
    `Tasks of WordNet: ${names}. Each with a start of its own, and all with one start. Decision 0041 has the rules.` +
    (none.length > 0 ? ` Nothing is judged: nothing was learned at r = ${none.join(", ")}.` : "");
};

/** Directions that adapters of different tasks share, and what sharing saves and loses. */
export const rankWaste: Experiment = experiment<WasteRun, WasteRows>({
  name: "rank-waste",
  title: "Rank waste: which adapters could share a basis",
  question:
    "Do adapters of different tasks learn common directions, so that they could share a basis, and what would " +
    "sharing save and lose?",
  source: "not in the paper; φ is its equation 4. Shared bases: Brüel-Gabrielsson et al. 2024",
  scale: true,
  beyond: true,
  runs: wasteRuns,
  quoted: { ...shipped, rows: shipped.rows as WasteRows },
  rows: wasteRows,
  settings,
  claims: wasteClaims,
  tables: [wasteTables],
  figures: wasteFigures,
});
