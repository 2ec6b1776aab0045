/** Figures of the map's shipped rows beside numpy's, which has them from the rows alone. */

import { assert, assertEquals } from "@std/assert";
import measured from "../../../experiments/skills/needed_rank/needed_rank.json" with {
  type: "json",
};
import { type MapRow, meanOf, neededRank } from "../../../experiments/skills/needed_rank/rows.ts";
import { pairsOf, peftRows } from "../../../experiments/skills/needed_rank/peft.ts";
import { assertAllClose } from "../../support/all_close.ts";
import { pythonHas, runPython } from "../../../scripts/support/python.ts";

/** The numbers that numpy prints. */
interface Figures {
  readonly means: Readonly<Record<string, number>>;
  readonly needed: Readonly<Record<string, number | "none" | null>>;
  readonly peft: Readonly<Record<string, readonly number[]>>;
}

async function numpyFigures(): Promise<Figures> {
  const folder = "experiments/skills/needed_rank";
  const { code, text } = await runPython("scripts/golden/check_rows.py", [folder]);
  assertEquals(code, 0, text);
  return JSON.parse(text);
}

const tolerance = { relative: 1e-12, absolute: 1e-9 };

Deno.test({
  name: "means, needed ranks and the comparison with PyTorch are numpy's",
  ignore: !await pythonHas("numpy"),
  fn: async () => {
    const rows = measured.rows.mapRuns as unknown as readonly MapRow[];
    const { means, needed, peft } = await numpyFigures();
    for (const [arm, wanted] of Object.entries(means)) {
      const [task, line, rank] = arm.split("|") as [string, MapRow["line"], string];
      const found = meanOf(rows, { task, line, rank: Number(rank) || undefined })!.right;
      assertAllClose([found], [wanted], { ...tolerance, what: arm });
    }
    for (const [arm, wanted] of Object.entries(needed)) {
      const [task, line] = arm.split("|") as [string, MapRow["line"]];
      const rank = neededRank(rows, { task, line }) ?? "none";
      assertEquals(rank === Infinity ? null : rank, wanted, arm);
    }
    const pairs = pairsOf(rows, peftRows);
    assert(pairs.length >= 12 && pairs.length === Object.keys(peft).length);
    for (const { task, arm: { line, rank = 0 }, ours, peft: theirs, noise } of pairs) {
      const what = [task.name, line, rank].join("|");
      assertAllClose([ours, theirs, noise], peft[what], { ...tolerance, what });
    }
  },
});
