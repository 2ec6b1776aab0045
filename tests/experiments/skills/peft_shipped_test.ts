/** The shares of PyTorch and PEFT on three tasks of the map, beside ours. */

import { assert, assertEquals } from "@std/assert";
import measured from "../../../experiments/skills/needed_rank/needed_rank.json" with {
  type: "json",
};
import {
  areApart,
  comparedShares,
  haveSameShares,
  pairsOf,
  peftCells,
  peftRows as peft,
  peftTable,
  repeatsOf,
  rowsOf,
} from "../../../experiments/skills/needed_rank/peft.ts";
import { armName, mapRateOf, methodOf } from "../../../experiments/skills/needed_rank/runs.ts";
import type { MapRows } from "../../../experiments/skills/needed_rank/rows.ts";
import { openSkillsBase } from "../../../experiments/skills/runs.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { countTrainable } from "../../../src/models/mod.ts";
import { applyMethod } from "../../../src/runs/method.ts";
import { sourceText } from "../../../scripts/support/source_files.ts";

const ours = (measured.rows as unknown as MapRows).mapRuns;

Deno.test("both programs trained every cell with three seeds, at the map's rate, and as many values", async () => {
  assertEquals(peft.length, 3 * peftCells.length);
  using device = new DryDevice();
  for (const cell of peftCells) {
    using model = await openSkillsBase(device, "trained", 0);
    using _ = await applyMethod(model, methodOf(cell.arm), 1);
    const trained = countTrainable(model), { learningRate } = mapRateOf(cell.task, cell.arm);
    for (const [rows, repeats] of [[ours, repeatsOf.ours], [peft, repeatsOf.peft]] as const) {
      const own = rowsOf(cell, rows);
      assertEquals(own.map(({ seed }) => seed).toSorted((a, b) => a - b), [...repeats]);
      for (const row of own) {
        assertEquals([row.learningRate, row.trained, row.texts], [learningRate, trained, 600]);
      }
    }
  }
});

Deno.test("the shares of PyTorch and PEFT are ours within two standard errors", () => {
  const pairs = pairsOf(ours, peft);
  assertEquals(pairs.length, peftCells.length);
  assert(haveSameShares(pairs), JSON.stringify(pairs.filter(areApart)));
});

Deno.test("the shares of another arm are apart where ours differ by 60 points", () => {
  const cells = peftCells.filter(({ task }) => task.name === "random alphabet");
  const others = cells.flatMap((cell) =>
    cells.filter((other) => other !== cell).map((other) => [cell, other])
  );
  const wide = others.filter(([one, other]) => {
    const { ours: own, peft: another } = comparedShares(rowsOf(one, ours), rowsOf(other, ours));
    return Math.abs(own - another) > 60;
  });
  assert(wide.length > 0);
  for (const [one, other] of wide) {
    assert(areApart(comparedShares(rowsOf(one, ours), rowsOf(other, peft))), armName(other.arm));
  }
});

Deno.test("the decision's table has the shipped shares", () => {
  const page = sourceText("experiments/skills/needed_rank/peft.md");
  for (const { task, arm, noise, ...means } of pairsOf(ours, peft)) {
    const numbers = [means.ours, means.peft, noise].map((number) => number.toFixed(1)).map((text) =>
      ` +${text}`
    );
    const line = new RegExp(`\\| ${task.name} +\\| ${armName(arm)} +\\|${numbers.join(" +\\|")}`);
    assert(line.test(page), `${line}`);
  }
});

Deno.test("the report's table says whose its numbers are", () => {
  const { quoted, rows } = peftTable(measured.rows as unknown as MapRows);
  assert(/PyTorch \d.*PEFT \d.*\d{4}-\d\d-\d\d/.test(quoted!), quoted);
  assertEquals(rows.length, peftCells.length);
});
