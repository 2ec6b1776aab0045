/** The rules of decision 0056 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import {
  comparedMethods,
  comparedRanks,
  comparedSites,
  forgettingClaim,
  queryClaim,
  rankClaims,
  realClaims,
  realRanks,
  shared,
  textNoise,
} from "../../../experiments/rank_real/rank_claims.ts";
import { pairedNoise } from "../../../experiments/differences.ts";
import { e2eMethods } from "../../../experiments/methods/e2e/runs.ts";
import type { RealRow } from "../../../experiments/rank_real/rows.ts";

/** A run of a rank, or of another method. */
function row(key: string, seed: number, value: number, more: Partial<RealRow> = {}): RealRow {
  const rank = /^qv?-(\d+)$/.exec(key)?.[1];
  return {
    ...{ key, label: key, family: "LoRA", size: rank ? `r = ${rank}` : "", compared: 1, seed },
    ...{ trained: Number(rank ?? 1e6), value, own: 4, novel: 4, pairs: "10000 30000" },
    ...{ bleu: 50, nist: 5, meteor: 40, rougeL: 60, cider: 1, ...more },
  };
}

const base: RealRow = {
  ...row("base", 0, 3, { own: 3.5, novel: 3.6, bleu: 5, nist: 1, meteor: 9, rougeL: 20, cider: 0 }),
  ...{ family: "baseline", compared: 0, seed: undefined },
};

const ranks = [1, 2, 4, 8, 16, 64];

/** All ranks with three seeds, whose data moves a loss by up to 0.2, and start by 0.001. */
const rowsOf = (losses: readonly number[], sites = "qv"): RealRow[] =>
  losses.flatMap((loss, i) =>
    [0, 0.1, 0.2].map((data, seed) =>
      row(`${sites}-${ranks[i]}`, seed + 1, loss + data + (i + seed) % 2 / 1000)
    )
  );

const [rankOneIsEnough, bestIsBetween] = rankClaims.map(({ holds }) => (losses: number[]) =>
  holds({ compared: comparedRanks(rowsOf(losses)) })
);

Deno.test("seeds of data are taken out of the noise of differences", () => {
  assertAlmostEquals(pairedNoise([[1, 2, 3], [2, 3, 4]]), 0, 1e-12);
  // Residuals ±0.25: s² = 4 · 0.0625 / 1, and two seeds.
  assertAlmostEquals(pairedNoise([[1, 2], [1, 3]]), 2 * 0.5, 1e-12);
  assertEquals([pairedNoise([[1, 2]]), pairedNoise([[1], [2]])], [NaN, NaN]);
});

Deno.test("table 6: r = 1 is at most 3.6% above the best rank", () => {
  const near = [1.035, 1, 1, 1, 1, 1].map((loss) => loss - 0.1),
    far = [1.037, 1, 1, 1, 1, 1]
      .map((loss) => loss - 0.1);
  assertEquals(rankOneIsEnough(near), true);
  assertEquals(rankOneIsEnough(far), false);
});

Deno.test("table 18: the smallest rank that none is better than by more than the noise is from 4 to 16", () => {
  assertEquals(bestIsBetween([1.1, 1.05, 1, 1, 1, 1]), true);
  assertEquals(bestIsBetween([1.1, 1.05, 1.02, 1.01, 1, 1]), true);
  assertEquals(bestIsBetween([1.1, 1, 1, 1, 1, 1]), false); // 2
  assertEquals(bestIsBetween([1.1, 1.05, 1.03, 1.02, 1.01, 1]), false); // 64
});

Deno.test("table 6: q alone gains more from r = 1 to its best than q,v at the same ranks", () => {
  const own = (query: number[]) => [
    base,
    ...rowsOf([1.05, 1, 1, 1, 1, 1]),
    ...rowsOf(query, "q").filter(({ key }) => ["q-1", "q-8", "q-64"].includes(key)),
  ];
  const holds = (query: number[]) =>
    queryClaim.holds(comparedSites({ rows: own(query), counts: "1 1" })!);
  assertEquals(holds([1.1, 0, 0, 1, 0, 1]), true);
  assertEquals(holds([1.04, 0, 0, 1, 0, 1]), false);
  assertEquals(comparedSites({ rows: rowsOf([1, 1, 1, 1, 1, 1]), counts: "" }), undefined);
});

Deno.test("only seeds that all have are compared", () => {
  const rows = rowsOf([1, 1]).filter(({ key, seed }) => key !== "qv-1" || seed !== 2);
  assertEquals(shared(rows, ["qv-1", "qv-2"]).map(({ seed }) => seed), [1, 1, 3, 3]);
  assertEquals(realRanks({ rows, counts: "1 1" }), undefined);
});

Deno.test("the noise of texts is that of the mean that weighs pairs by their tokens", () => {
  const rows = [
    row("qv-1", 1, 1, { pairs: "10000 30000" }),
    row("qv-2", 1, 1, { pairs: "9000 30000" }),
  ];
  // Differences 0.1 and 0, weights 1.5 and 0.5, mean 0.075: residuals 0.0375 and −0.0375.
  assertAlmostEquals(
    textNoise({ rows, counts: "3 1" }, "qv-1", "qv-2"),
    2 * 0.0375 * Math.SQRT2 / Math.SQRT2,
    1e-9,
  );
});

Deno.test("forgetting: less for every seed, and on average by more than the noise", () => {
  const rows = (lora: number[], full: number[]) => [
    base,
    ...lora.map((own, i) => row("qv-4", i + 1, 1, { own })),
    ...full.map((own, i) => row("full", i + 1, 1, { own })),
  ];
  const holds = (lora: number[], full: number[]) => forgettingClaim.holds(rows(lora, full));
  assertEquals(holds([3.6, 3.7, 3.6], [3.8, 3.91, 3.8]), true);
  assertEquals(holds([3.6, 3.92, 3.6], [3.8, 3.91, 3.8]), false);
  assertEquals(holds([3.6, 3.7, 3.6], [3.61, 3.9, 3.61]), false); // By 0.07 ± 0.27.
  assertEquals(holds([3.6], [3.9]), false, "one seed tells nothing of others");
});

const methods = e2eMethods.map(({ key }) => key);

/** All of Table 3's methods, which score less than LoRA by so much. */
const methodRows = (less: number) => [
  base,
  { ...base, key: "values" },
  ...methods.flatMap((key, i) =>
    [1, 2, 3].map((seed) => {
      const off = (key === "lora-qv" ? 0 : less) - 10 * seed + (i + seed) % 2 / 10;
      const scores = {
        bleu: 60 - off,
        nist: 60 - off,
        meteor: 60 - off,
        rougeL: 60 - off,
        cider: 60 - off,
      };
      return row(key === "lora-qv" ? "qv-4" : key, seed, 1, scores);
    })
  ),
];

Deno.test("methods are compared with the noise that seeds of data leave", () => {
  const compared = comparedMethods(methodRows(1), methods);
  assertEquals(compared.isBetter("lora-qv", "full"), true); // By 1, where seeds differ by 20.
  assertEquals(comparedMethods(methodRows(0.01), methods).isBetter("lora-qv", "full"), false);
});

Deno.test("a rank counts with every seed that 1, 8 and 64 share, and takes none away", () => {
  const all = rowsOf([1.1, 1, 1.01, 1, 1, 1]);
  const judged = (isThere: (row: RealRow) => boolean) =>
    realRanks({ rows: [base, ...all.filter(isThere)], counts: "1 1" });
  const four = judged(({ key, seed }) => key !== "qv-4" || seed === 1)!;
  assertEquals(
    four.compared.cells.map(({ key, values }) => `${key} ${values.length}`),
    ["qv-1 3", "qv-2 3", "qv-8 3", "qv-16 3", "qv-64 3"],
  );
  const found = rankClaims[0].found as (ranks: typeof four) => string;
  assertStringIncludes(found(four), "Not run with all seeds: r = 4");
  assertEquals(judged(({ key, seed }) => key !== "qv-8" || seed! > 1)!.compared.cells.length, 6);
  assertEquals(judged(({ key }) => key !== "qv-8"), undefined);
});

Deno.test("claims are left out where their runs are", () => {
  const texts = (rows: readonly RealRow[]) =>
    realClaims({ rows, counts: "1 1" })
      .map(({ text }) => (typeof text === "string" ? text : text(rows)).split(":")[0]);
  assertEquals(texts([base]), []);
  assertEquals(texts([base, ...rowsOf([1.1, 1, 1, 1, 1, 1])]), [
    "On SmolLM2 and E2E, r = 1 on q,v is enough by the loss",
    "Table 18",
  ]);
  assertEquals(texts(methodRows(1)), [
    "Table 3",
    "On E2E, 500 steps, LoRA on q and v is on a par with full fine-tuning or better",
    "LoRA on q and v forgets less of what the base would write than full fine-tuning",
  ]);
});
