/** Counting from the headers of files of families that have no architecture here, against PEFT. */

import { assertEquals } from "@std/assert";
import { loraCounts } from "../../src/accounting/mod.ts";
import { countParameters, inferArchitecture, isBuffer } from "../../src/architectures/mod.ts";
import { goldenJson } from "../support/golden.ts";

interface StoredModel {
  readonly model: string;
  readonly parameters: number;
  readonly stored: Readonly<Record<string, string>>;
  readonly allLinear: number;
}

const { headers } = await goldenJson("counts.json") as { headers: StoredModel[] };

for (const { model, parameters, stored, allLinear } of headers) {
  Deno.test(`the file of a ${model} of ${parameters} values has PEFT's ${allLinear} of all-linear`, () => {
    const tensors = Object.entries(stored).filter(([name]) => !isBuffer(name));
    const found = inferArchitecture(
      tensors.map(([name, shape]) => ({ name, shape: shape.split("x").map(Number) })),
    );
    assertEquals(countParameters(found.tensors), parameters);
    const counts = loraCounts(found, 8, { targetModules: "all-linear" });
    assertEquals(counts.reduce((sum, { parameters }) => sum + parameters, 0), allLinear);
  });
}
