import { injectBottleneck } from "../../src/adapt/mod.ts";
import { crossEntropy } from "../../src/autograd/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel } from "../../src/models/mod.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import { assertGradients } from "../support/finite_differences.ts";
import { golden } from "../support/golden.ts";
import { bases, batch, bottleneckChecks, disturb, variants } from "./bottleneck_checks.ts";
import { bottleneckGoldenChecks } from "./bottleneck_golden_checks.ts";

await testOn(coreDevices, [...bottleneckChecks, ...bottleneckGoldenChecks]);

for (const base of bases) {
  Deno.test(`bottlenecks on ${base}: gradients equal finite differences`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden(base));
    const labels = Int32Array.from(batch.targets.data);
    for (const options of Object.values(variants)) {
      // ReLU has no derivative at 0, which differences may step over.
      using adapter = injectBottleneck(model, { ...options, nonLinearity: "swish" });
      await disturb(adapter);
      await assertGradients(
        device,
        adapter.parameters,
        (tape) => crossEntropy(tape, model.forward(tape, batch.inputs), labels),
      );
    }
  });
}
