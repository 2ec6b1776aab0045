/** Ranks and methods side by side, paired by data and by pair: the noise of decision 0056. @module */

import { mean, standardDeviation } from "../../src/core/numbers.ts";
import { pairedNoise } from "../differences.ts";
import { MethodComparison } from "../methods/comparison.ts";
import { lora } from "../methods/e2e/methods.ts";
import { E2eComparison, e2eMetrics, type E2eRow } from "../methods/e2e/rows.ts";
import { lossRow, type StudyLosses } from "../rank_study/losses.ts";
import { loraKey, pairUnit, type RealRow, type RealRows, unpacked } from "./rows.ts";

type Rows = readonly RealRow[];

/** The runs of some methods with the seeds of data that all of them have, in the order of the seeds. */
export function shared(rows: Rows, keys: readonly string[]): RealRow[] {
  const own = rows.filter(({ key, compared }) => compared === 1 && keys.includes(key));
  const has = (key: string, seed?: number) =>
    own.some((row) => row.key === key && row.seed === seed);
  return own.filter(({ seed }) => keys.every((key) => has(key, seed)))
    .sort((a, b) => a.seed! - b.seed!); // they are paired by their places
}

/** A value of each seed, a group for each method. */
const groupsOf = (rows: Rows, keys: readonly string[], value: (row: RealRow) => number) =>
  keys.map((key) => rows.filter((row) => row.key === key).map(value));

/** q and v at every rank that was run, the lowest first. */
export const ranksOfBoth = ["qv-1", "qv-2", "qv-4", "qv-8", "qv-16", "qv-64"] as const;

/** Ranks by their loss. */
export function comparedRanks(rows: Rows, keys: readonly string[] = ranksOfBoth): MethodComparison {
  const own = shared(rows, keys), noise = pairedNoise(groupsOf(own, keys, ({ value }) => value));
  return new MethodComparison(own, "lowest", undefined, noise);
}

/** Ranks by one of their scores. */
export function scoredRanks(rows: Rows, score: (row: RealRow) => number): MethodComparison {
  const own = shared(rows, ranksOfBoth).map((row) => ({ ...row, value: score(row) }));
  const noise = pairedNoise(groupsOf(own, ranksOfBoth, ({ value }) => value));
  return new MethodComparison(own, "highest", undefined, noise);
}

/** The ranks that q alone has, too. */
const ranksOfEach = [1, 8, 64] as const;

/** q and v, and q alone, at the ranks that both have. */
export function comparedSites({ rows }: RealRows): StudyLosses | undefined {
  const keys = ["qv", "q"].flatMap((sites) => ranksOfEach.map((rank) => `${sites}-${rank}`));
  const own = shared(rows, keys);
  if (own.length === 0) return undefined;
  const base = rows.find(({ key }) => key === "base")!.value;
  return {
    base,
    rows: keys.map((key) => {
      const runs = own.filter((row) => row.key === key), [sites, rank] = key.split("-");
      const losses = runs.map(({ value }) => value);
      return lossRow(sites.split("").join(", "), Number(rank), runs[0].trained, losses);
    }),
  };
}

/** Table 3's methods in five metrics; LoRA is q and v at r = 4. */
export function comparedMethods(rows: Rows, keys: readonly string[]): E2eComparison {
  const all = keys.map((key) => key === lora ? loraKey : key), own = shared(rows, all);
  const noise = Object.fromEntries(
    e2eMetrics.map(({ key }) => [key, pairedNoise(groupsOf(own, all, (row) => scoreOf(row, key)))]),
  );
  const untrained = rows.filter(({ family }) => family === "baseline");
  return new E2eComparison([...untrained, ...own].map(e2eRow), noise);
}

/** A score of a row, by the key that it has in the study on E2E. */
export const scoreOf = (row: RealRow, key: (typeof e2eMetrics)[number]["key"]): number =>
  row[key === "value" ? "bleu" : key] ?? NaN;

function e2eRow(row: RealRow): E2eRow {
  const { key, bleu, value: loss, nist, meteor, rougeL, cider, choice } = row;
  const scores = { value: bleu!, nist: nist!, meteor: meteor!, rougeL: rougeL!, cider: cider! };
  return { ...row, key: key === loraKey ? lora : key, ...scores, loss, choice };
}

/**
 * Two standard errors of the difference of two methods' held-out loss over the pairs, in nats per token, seeds averaged:
 * of the mean that weighs pairs by their tokens.
 */
export function textNoise({ rows, counts }: RealRows, one: string, other: string): number {
  const own = shared(rows, [one, other]), tokens = unpacked(counts), usual = mean(tokens);
  const meansOf = (key: string) => {
    const losses = own.filter((row) => row.key === key).map(({ pairs }) =>
      unpacked(pairs!, pairUnit)
    );
    return tokens.map((_, pair) => mean(losses.map((values) => values[pair])));
  };
  const [a, b] = [one, other].map(meansOf);
  const difference = mean(tokens.map((count, i) => count / usual * (a[i] - b[i])));
  const residuals = tokens.map((count, i) => count / usual * (a[i] - b[i] - difference));
  return 2 * standardDeviation(residuals) / Math.sqrt(tokens.length);
}
