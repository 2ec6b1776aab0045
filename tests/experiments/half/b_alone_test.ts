/** Rules of B alone on rows that just keep and just break them, and its runs. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { bAlone } from "../../../experiments/half/b_alone.ts";
import { halfRanks, halfStudy, searchedRanks } from "../../../experiments/half/runs.ts";
import { planArms, studiedTasks } from "../../../experiments/skills/arms.ts";
import neededRank from "../../../experiments/skills/needed_rank/needed_rank.json" with {
  type: "json",
};
import shipped from "../../../experiments/half/b_alone.json" with { type: "json" };
import { type MapRow, meanOf, on } from "../../../experiments/skills/needed_rank/rows.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";

const { mapRuns } = neededRank.rows as unknown as { mapRuns: MapRow[] };

const lora = (task: string, rank: number) => meanOf(mapRuns, on(task, "qv", rank))?.right;

/** B alone so many points below LoRA of some rank, on every task; of a rank that the map lacks, 100%. */
const rowsAt = (points: number, loraRank: (rank: number) => number) =>
  studiedTasks.flatMap(({ name: task }) =>
    halfRanks.map((rank) => ({
      ...{ task, rank, seed: 1, learningRate: 0.01, trained: 768 * rank, loss: 0, texts: 600 },
      right: (lora(task, loraRank(rank)) ?? 100) - points,
    }))
  );

const rows = (halfRuns: object[], halfMemory: object[] = []) => ({ halfRuns, halfMemory });

const [nearClaim, farClaim, valuesClaim, neededClaim, memoryClaim] = bAlone.claims;

Deno.test("on a par is at most 1.1 points below LoRA of the same rank", () => {
  for (const claim of [nearClaim, farClaim]) {
    assertEquals(claim.holds(rows(rowsAt(1.1, (rank) => rank))), true);
    assertEquals(claim.holds(rows(rowsAt(1.11, (rank) => rank))), false);
  }
  assertEquals(valuesClaim.holds(rows(rowsAt(1.1, (rank) => rank / 2))), true);
  assertEquals(valuesClaim.holds(rows(rowsAt(1.11, (rank) => rank / 2))), false);
});

Deno.test("the near task's answers do not decide of the far ones", () => {
  const mixed = rowsAt(0, (rank) => rank).map((row) =>
    row.task === studiedTasks[0].name ? { ...row, right: 0 } : row
  );
  assertEquals([nearClaim, farClaim].map(({ holds }) => holds(rows(mixed))), [false, true]);
});

Deno.test("a larger needed rank is larger on both far tasks", () => {
  const enoughFrom = (rank: number) =>
    rowsAt(0, () => 0).map((row) => ({ ...row, right: row.rank >= rank ? 100 : 98.9 }));
  assertEquals(neededClaim.holds(rows(enoughFrom(64))), true);
  assertEquals(neededClaim.holds(rows(enoughFrom(8))), false);
  assertStringIncludes(neededClaim.ours(rows(enoughFrom(64))), "64, LoRA ");
});

Deno.test("half of the bytes is half at every rank", () => {
  const memory = (more: number) =>
    halfRanks.flatMap((rank) =>
      ["B alone", "A and B"].map((method, i) => ({
        ...{ rank, method, gradient: 4 * (i + 1) * rank, optimizer: 8 * (i + 1) * rank + i * more },
      }))
    );
  assertEquals([0, 4].map((more) => memoryClaim.holds(rows([], memory(more)))), [true, false]);
});

Deno.test("no run has the seed of another, whatever its task, rank and repeat", async () => {
  using device = new ReferenceDevice();
  const planned = planArms(halfStudy, searchedRanks, studiedTasks, {
    ...{ seeds: [1, 2, 3], quick: false },
  });
  const seeds = await Promise.all(planned.map(async ({ spec }) => (await spec(device)).seed));
  assertEquals(new Set(seeds).size, 3 * 3 * searchedRanks.length);
});

Deno.test("the shipped rows are three seeds of every rank and task, with bytes of both at each rank", () => {
  const { halfRuns, halfMemory, halfInputs } = shipped.rows;
  const cells = halfRuns.map(({ task, rank, seed }) => `${task} ${rank} ${seed}`);
  assertEquals(new Set(cells).size, cells.length);
  assertEquals(cells.length, 3 * studiedTasks.length * halfRanks.length);
  assertEquals(halfRuns.filter(({ rank, trained }) => trained !== 768 * rank), []);
  assertEquals([halfMemory.length, halfInputs.length], [
    2 * halfRanks.length,
    2 * studiedTasks.length,
  ]);
});

Deno.test("the verdicts of the shipped rows are those of the rules' page", () => {
  const verdicts = bAlone.claims.map(({ holds }) => holds(shipped.rows));
  assertEquals(verdicts, [false, false, false, false, true]);
});
