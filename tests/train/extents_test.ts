/** Batches whose shapes are not shapes. */

import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../src/core/errors.ts";
import { type DeviceKind, openDevice } from "../../src/device/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { tinyModel } from "./fixtures.ts";

/** Two values fill each of the first two, by their products. */
const shapes = [[-1, -2], [0.5, 4], [NaN, 2], [-2, 1], [2 ** 53, 2]];

for (const kind of ["dry", "cpu", "reference"] satisfies DeviceKind[]) {
  Deno.test(`${kind}: a batch needs whole extents, and is refused before any kernel runs`, async () => {
    using device = await openDevice({ kind });
    using model = tinyModel(device);
    using trainer = new Trainer(model, { learningRate: 1e-3, steps: 1 });
    const before = device.ledger.launches.size;
    for (const shape of shapes) {
      const batch = {
        inputs: { tokens: { shape, data: new Uint32Array(2) } },
        targets: { shape, data: new Int32Array(2) },
      };
      assertThrows(() => trainer.step([batch]), ShapeError, `found [${shape.join(", ")}]`);
    }
    assertEquals(device.ledger.launches.size, before);
  });
}
