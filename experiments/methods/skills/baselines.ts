/** Baselines of methods on skills: the base alone, and the most frequent answer. @module */

import type { ExperimentContext } from "../../frame/mod.ts";
import { openSkillsBase } from "../../skills/base.ts";
import { reportedTexts, scoreTexts } from "../../skills/runs.ts";
import { baselineRow } from "../comparison.ts";
import type { SkillRow } from "./reported.ts";
import { onSkills } from "./tasks.ts";

/** Both on every task, the near one included. */
export async function baselinesOn(
  { device }: Pick<ExperimentContext, "device">,
): Promise<SkillRow[]> {
  using base = await openSkillsBase(device, "trained", 0);
  const rows: SkillRow[] = [];
  for (const { task } of onSkills) {
    const reported = reportedTexts(task), { exact, texts } = await scoreTexts(base, reported);
    const row = (key: string, label: string, share: number): SkillRow => ({
      ...{
        task: task.name,
        texts,
        ...baselineRow({ key, label, size: "none", value: 100 * share }),
      },
    });
    const same = Map.groupBy(reported, ({ completion }) => completion);
    const most = Math.max(...[...same.values()].map(({ length }) => length));
    rows.push(row("base", "the base, not adapted", exact));
    rows.push(row("frequent", "the most frequent answer", most / texts));
  }
  return rows;
}
