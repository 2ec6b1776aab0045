/** The longest sequence of an architecture is that of the model that runs. */

import { assertEquals } from "@std/assert";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel, readConfig } from "../../src/models/mod.ts";
import { golden } from "../support/golden.ts";

const families = Array.from(Deno.readDirSync(golden("families")))
  .filter(({ isDirectory }) => isDirectory).map(({ name }) => `families/${name}`);

for (const folder of ["gpt2_tiny", "classifier", ...families]) {
  Deno.test(`${folder}: count has the positions of the model that runs`, async () => {
    const config = await readConfig(golden(folder));
    using device = new DryDevice();
    using model = allocateModel(device, config);
    assertEquals(architectureOf(config).positions, model.positions);
  });
}

Deno.test("where no configuration states a limit there is none", () => {
  assertEquals(architectureOf(catalog["t5-base"].config).positions, undefined);
  assertEquals(architectureOf(catalog["gpt3-175b"].config).positions, 2048);
});
