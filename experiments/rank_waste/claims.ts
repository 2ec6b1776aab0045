/** The rules of decision 0041 on what adapters share. @module */

import { mean } from "../../src/core/numbers.ts";
import type { Claim } from "../frame/mod.ts";
import { type BasisRow, type PairRow, type Side, sides, type WasteRows } from "./rows.ts";
import type { Starts } from "./runs.ts";

/** Thresholds of the rules. */
const alike = 2, common = 2, fewer = 0.75, judgedEnergy = 0.9, judgedShare = 0.5;

/** The ranks of some rows. */
export const ranksOf = (
  { pairs }: WasteRows,
): number[] => [...new Set(pairs.map((row) => row.rank))];

/** Mean φ(r, r) between different tasks, and what it is by chance. */
export function betweenTasks(
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
export function neededShare({ sites }: WasteRows, rank: number, side: Side): number {
  const own = sites.filter((row) =>
    row.rank === rank && row.starts === "own" && row.side === side && row.energy === judgedEnergy
  );
  return mean(own.map(({ together, byChance }) => together / byChance));
}

/** The row of a way at a share of the values. */
export const basisOf = (
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
