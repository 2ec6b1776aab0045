/** The system's LAPACK and our own code compute the same numbers, each in a process of its own. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import { blasAvailable } from "../../scripts/support/parts.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

async function numbersWith(LOWRANK_BLAS: string) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-env", "--allow-ffi", "tests/analysis/large_numbers.ts"],
    cwd: rootPath,
    env: { LOWRANK_BLAS },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "large updates: the same numbers with LAPACK and without",
  ignore: !blasAvailable(),
  fn: async () => {
    const system = await numbersWith(Deno.env.get("LOWRANK_BLAS") ?? ""),
      own = await numbersWith("off");
    assertEquals(own.backend, "own");
    assertNotEquals(system.backend, "own");
    assertEquals(Object.keys(system.numbers), Object.keys(own.numbers));
    for (const [what, expected] of Object.entries<number[]>(own.numbers)) {
      const absolute = 1e-10 * Math.max(...expected.map(Math.abs));
      assertAllClose(system.numbers[what], expected, { relative: 0, absolute, what });
    }
  },
});
