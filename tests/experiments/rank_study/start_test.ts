import "../../support/open_lapack.ts";
import { assertAlmostEquals } from "@std/assert";
import { startGrids } from "../../../experiments/rank_study/subspace_rows.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";

Deno.test("at step 0 φ is chance with different seeds and 1 with equal ones", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const { different, equal, width } = await startGrids({ device });
  assertAlmostEquals(different[7][63], 64 / width, 0.03);
  assertAlmostEquals(equal[7][63], 1, 1e-9);
});
