import "../../support/open_lapack.ts";
import { assertAlmostEquals } from "@std/assert";
import { meanOverSites } from "../../../experiments/rank_study/subspace_rows.ts";
import { startingPoint } from "../../../experiments/rank_study/study.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";

Deno.test("at step 0 φ is chance with different seeds and 1 with equal ones", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const small = await startingPoint({ device }, 8, 1);
  const different = meanOverSites(small, await startingPoint({ device }, 64, 11));
  const equal = meanOverSites(small, await startingPoint({ device }, 64, 1));
  assertAlmostEquals(different[7][63], 64 / 256, 0.03);
  assertAlmostEquals(equal[7][63], 1, 1e-9);
});
