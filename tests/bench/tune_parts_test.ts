/** `deno task tune` on the adapter at hand, and a device that uses its file. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { tune } from "../../bench/tune.ts";
import { openDevice } from "../../src/device/mod.ts";
import { webgpuAvailable } from "../../scripts/support/parts.ts";
import { withVariables } from "../support/variables.ts";

const ignore = !await webgpuAvailable();

const earlier = { m: 128, n: 8, k: 768, transposeA: 0, transposeB: 1, program: "tiled" };

Deno.test({
  name: "what is measured is kept by adapter, and used where it is asked for",
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir(), path = `${folder}/tuned.json`;
    try {
      await Deno.writeTextFile(path, JSON.stringify({ other: [earlier] }));
      const open = () =>
        withVariables({ LOWRANK_TUNED: path }, () => openDevice({ kind: "webgpu" }));
      await assertRejects(open, RangeError, "which deno task tune adds, found other");
      await tune([
        "--widths",
        "8",
        "--tokens",
        "4",
        "--ranks",
        "2",
        "--rounds",
        "1",
        "--out",
        path,
      ]);
      const file = JSON.parse(await Deno.readTextFile(path)), [, name] = Object.keys(file);
      assertEquals(file.other, [earlier]);
      assertEquals(file[name].length, 9);
      const huge = ["--widths", "100000", "--tokens", "100000", "--ranks", "50000", "--out", path];
      await assertRejects(() => tune(huge), RangeError, "takes in one launch, found none of 9");
      assertEquals(JSON.parse(await Deno.readTextFile(path)), file);
      using device = await open();
      assertMatch(device.description, /, tuned [0-9a-f]{8}$/);
      await assertRejects(
        () => withVariables({ LOWRANK_TUNED: `${path}x` }, () => openDevice({ kind: "webgpu" })),
        RangeError,
        "LOWRANK_TUNED must name a file of deno task tune: cannot read",
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
