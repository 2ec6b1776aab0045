import { assertAlmostEquals } from "@std/assert";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { normals } from "../kernels/cases/values.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import { operations } from "./operation_cases.ts";
import { checks, outcomeOf, valuesOf, weightsOf } from "./operation_checks.ts";

await testOn(coreDevices, checks);

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);

for (const operation of operations) {
  // Central differences err by step² |f'''| / 6 and by 1e-16 |f| / step.
  Deno.test(`the gradient is the slope: ${operation.name}`, async () => {
    using device = new ReferenceDevice();
    const step = 1e-5, values = valuesOf(operation);
    const { gradients } = await outcomeOf(device, operation, values);
    const directions = values.map(({ length }, i) => normals(20 + i, length));
    const lossAt = async (factor: number) => {
      const moved = values.map((data, i) => data.map((x, at) => x + factor * directions[i][at]));
      const { out } = await outcomeOf(device, operation, moved);
      return dot(weightsOf(out.length), out);
    };
    const slope = (await lossAt(step) - await lossAt(-step)) / (2 * step);
    const expected = directions.reduce((sum, d, i) => sum + dot(d, gradients[i]!), 0);
    assertAlmostEquals(slope, expected, 1e-7 * Math.max(1, Math.abs(slope)));
  });
}
