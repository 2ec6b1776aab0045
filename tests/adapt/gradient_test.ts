import { assertEquals } from "@std/assert";
import type { SiteSelection } from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { assertGradients } from "../support/finite_differences.ts";
import { lossOf, tinyModel, trainedLora } from "./fixtures.ts";

const cases: readonly (SiteSelection & { dropout?: number; rankStabilized?: boolean })[] = [
  { sites: ["q"] },
  { sites: ["k"] },
  { sites: ["v"] },
  { sites: ["q", "v"], rankStabilized: true },
  { sites: "all" },
  { sites: ["q", "up"], dropout: 0.3 },
  { targetModules: ["c_attn"] },
  { targetModules: "all-linear", dropout: 0.1 },
];

for (const options of cases) {
  Deno.test(`gradients of A and B equal finite differences: ${JSON.stringify(options)}`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = trainedLora(model, { rank: 3, alpha: 4, ...options });
    assertEquals(model.trainable(), adapter.parameters);
    await assertGradients(device, adapter.parameters, (tape) => lossOf(tape, model));
  });
}
