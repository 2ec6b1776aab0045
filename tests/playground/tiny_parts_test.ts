/** The tiny GPT-2 of the playground on WebGPU, without a page. */

import { assertEquals } from "@std/assert";
import { exampleLines } from "../../playground/tiny/settings.ts";
import { loadBase, Tuning, type TuningReading } from "../../playground/tiny/tuning.ts";
import { initial, tinySettingsOf } from "../../playground/state.ts";
import { type Device, openDevice } from "../../src/device/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { webgpuAvailable } from "../../scripts/support/parts.ts";

async function readingsOn(kind: Device["kind"], steps: number): Promise<TuningReading[]> {
  using device = await openDevice({ kind });
  const base = await loadBase(device, "models/tiny-skills");
  using _model = base.model;
  await using tuning = new Tuning(base, exampleLines, { ...tinySettingsOf(initial), steps });
  const readings = [await tuning.read()];
  while (readings.length <= steps) readings.push(await tuning.step());
  return readings;
}

Deno.test({
  name: "after every step on WebGPU it is as on the cpu device, as near as the README says",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    const [found, expected] = [await readingsOn("webgpu", 3), await readingsOn("cpu", 3)];
    const numbersOf = (reading: TuningReading) => [reading.loss ?? 0, reading.heldOut ?? 0];
    const tolerance = { relative: 1.2e-4, absolute: 0, what: "losses" };
    assertAllClose(found.flatMap(numbersOf), expected.flatMap(numbersOf), tolerance);
    found.forEach(({ spectra }, step) =>
      spectra.forEach(({ name, singularValues }, site) => {
        const values = expected[step].spectra[site].singularValues;
        const absolute = 0.014 * values[0], what = `${name} after ${step} steps`;
        assertAllClose(singularValues, values, { relative: 0, absolute, what });
      })
    );
    assertEquals(found.map(({ heldOut }) => heldOut !== undefined), [true, false, false, true]);
  },
});
