/** Checks of a method's folder and its bytes, for `methods_devices_test.ts`. @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Adapter, loadAnyAdapter } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { allocateModel, readConfig, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import type { Check } from "../support/devices.ts";
import { golden, logitsOf, valuesOf, withFolder } from "./fixtures.ts";
import {
  allFamilies,
  allocate,
  disturb,
  inject,
  inputs,
  type Method,
  nameOf,
  onFamily,
  train,
} from "./method_cases.ts";

async function checkFolder(model: TextModel, method: Method): Promise<void> {
  await withFolder(async (folder) => {
    const saved = await inject(model, method), isBottleneck = method.spec.kind === "bottleneck";
    const file = `${folder}/adapter${isBottleneck ? "" : "_model"}.safetensors`;
    const counts = (adapter: Adapter) => adapter.parameters.map(({ name, size }) => [name, size]);
    await disturb(saved);
    const values = await Promise.all(saved.parameters.map(({ tensor }) => valuesOf(tensor)));
    // The file is in F32, in which the reference device does not compute.
    saved.parameters.forEach(({ tensor }, i) =>
      tensor.device.write(tensor, Float32Array.from(values[i]))
    );
    const adapted = await logitsOf(model, inputs), listed = counts(saved);
    await saved.save(folder);
    saved[Symbol.dispose]();
    {
      using loaded = await loadAnyAdapter(model, folder);
      assertEquals(counts(loaded), listed);
      const exact = { relative: 1e-6, absolute: 1e-6 };
      assertAllClose(await logitsOf(model, inputs), adapted, exact);
      await assertRejects(
        () => loadAnyAdapter(model, folder, { onTop: true }),
        RangeError,
        "on the model already",
      );
    }
    const { tensors } = await readSafetensors(file), live = model.device.ledger.read().live;
    const [[first, tensor], ...rest] = tensors;
    const wider = {
      shape: [tensor.data.length + 1],
      data: new Float32Array(tensor.data.length + 1),
    };
    const broken = [rest, [...tensors, ["stranger", tensor] as const], [
      [first, wider] as const,
      ...rest,
    ]];
    for (const entries of broken) {
      await writeSafetensors(file, new Map(entries as [string, typeof tensor][]));
      const message = /^cannot (?:use|read) the adapter in (?!memory)[^\n]+, found [^\n]+$/;
      const error = await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError);
      assert(message.test(error.message), error.message);
    }
    assertEquals(model.device.ledger.read().live, live);
    assertEquals(model.adapters.size, 0);
  });
}

async function checkLedger(device: Device, folder: string, method: Method): Promise<void> {
  using dry = new DryDevice();
  const config = await readConfig(folder);
  const [found, predicted] = [device, dry].map((device) => {
    device.ledger.resetPeak();
    using model = allocateModel(device, config);
    using _ = allocate(model, method);
    train(model);
    return device.ledger.read();
  });
  assertEquals(found, predicted);
}

/** Those of a method on a family that has something to train. */
export function folderChecksOf(method: Method, family: string): Check[] {
  const folder = golden(allFamilies[family]);
  return [
    onFamily(
      method,
      family,
      "comes back from its folder, and from no other",
      (model) => checkFolder(model, method),
    ),
    {
      name: `${nameOf(method)} on ${family} takes the bytes that dry predicts`,
      run: (device) => checkLedger(device, folder, method),
    },
  ];
}
