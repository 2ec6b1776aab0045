/** `switching`: the rules of decision 0041 at their edges, and a quick run. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Switching,
  switching,
  switchingClaims,
  type SwitchRow,
} from "../../experiments/cost/switching.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { plotSvg } from "../../src/figures/still.ts";
import { figureFaults } from "../support/figure_rules.ts";
import { notQuiet, tooNear } from "../../src/paper/claim.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { turnTimes } from "./turn_times.ts";

const [isCheap, leavesNoTrace] = switchingClaims;

/** Rows that just keep the rule, of two models of which the second has what is said. */
function found(
  change: Partial<Record<SwitchRow["way"], Partial<SwitchRow>>>,
  changed = 0,
): Switching {
  const row = (model: string, way: SwitchRow["way"], time: number, read: number): SwitchRow => ({
    ...{ model, way, ...turnTimes(time), read, peak: 0, live: 0 },
    ...model === "second" && change[way],
  });
  const rows = ["first", "second"].flatMap((model) => [
    row(model, "in memory", 9, 0),
    row(model, "from disk", 9, 100),
    row(model, "all parameters", 10, 1000),
    row(model, "all parameters again", 10, 1000),
  ]);
  return { rows, changed };
}

Deno.test("a switch must read a tenth and take less time, of every model", () => {
  assertEquals(isCheap.holds(found({})), true);
  assertEquals(isCheap.holds(found({ "from disk": { read: 101 } })), false);
  for (const way of ["from disk", "in memory"] as const) {
    const judged = (time: number) => isCheap.holds(found({ [way]: turnTimes(time) }));
    assertEquals([9.2, 11, 11.1].map(judged), [tooNear, tooNear, false]);
  }
  const control = (time: number) => found({ "all parameters again": turnTimes(time) });
  assertEquals([9, 9.1, 10.9, 11.1].map((time) => isCheap.holds(control(time))), [
    ...[notQuiet, true, true, notQuiet],
  ]);
  assertEquals(isCheap.holds(found({ "from disk": { read: 101, ...turnTimes(10) } })), false);
  assertEquals([leavesNoTrace.holds(found({})), leavesNoTrace.holds(found({}, 1))], [true, false]);
});

Deno.test("switching, quick: bytes are those of files and the ledger, and it leaves nothing behind", async () => {
  await withFolder(async (out) => {
    using device = await openCpuDevice({ threads: 2 });
    const before = device.ledger.read().live, { signal } = new AbortController();
    const context = { device, seeds: [1], quick: true, full: false, out, signal };
    const { findings, figures, tables: [{ rows }] } = await switching.run({
      ...context,
      report() {},
    });
    assertEquals(device.ledger.read().live, before);
    assertEquals(findings[1].verdict, "holds");
    const of = (way: SwitchRow["way"]) => rows.find((row) => row.way === way)!;
    assertEquals([of("in memory").read, of("in memory").peak], [0, 0]);
    assertEquals([of("from disk").live, of("all parameters").live], [0, 4 * 1858560]);
    const [adapter, tuned] = await Promise.all(
      ["adapter-0/adapter_model.safetensors", "tuned-0/model.safetensors"]
        .map(async (name) => (await Deno.stat(`${out}/switching/${name}`)).size),
    );
    for (const [way, bytes] of [["from disk", adapter], ["all parameters", tuned]] as const) {
      const more = Number(of(way).read) - bytes; // The configuration.
      assert(more > 100 && more < 5000, `${more}`);
    }
    for (const figure of figures) {
      assertEquals(figureFaults(figure), [], figure.id);
      assertMatch(await plotSvg(figure), /^<svg/);
    }
  });
});
