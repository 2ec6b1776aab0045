import { assert, assertEquals } from "@std/assert";
import type { SiteSelection } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { lossOf, tinyModel, trainedLora, valuesOf } from "./fixtures.ts";

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
    const newTape = () => new Tape(device, { dropoutSeed: 5 });
    const lossNow = async () => {
      using tape = newTape();
      return (await valuesOf(lossOf(tape, model)))[0];
    };
    using tape = newTape();
    tape.backward(lossOf(tape, model));
    const random = new Random(9), step = 1e-5;
    assertEquals(model.trainable().length, 2 * adapter.sites.length);
    for (const parameter of model.trainable()) {
      const gradient = await valuesOf(tape.gradientOf(parameter)!);
      const values = await valuesOf(parameter.tensor);
      for (let trial = 0; trial < 4; trial++) {
        const at = random.integer(parameter.size), original = values[at];
        const shifted = async (by: number) => {
          values[at] = original + by;
          device.write(parameter.tensor, values);
          return await lossNow();
        };
        const slope = (await shifted(step) - await shifted(-step)) / (2 * step);
        await shifted(0);
        // Central differences err by step² · f''' and by rounding eps / step, both below 1e-8 here.
        const error = Math.abs(slope - gradient[at]);
        assert(error < 1e-8, `${parameter.name}[${at}]: ${gradient[at]} against ${slope}`);
      }
    }
  });
}
