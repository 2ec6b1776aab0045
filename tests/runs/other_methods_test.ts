import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { injectBitFit } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { readAdapter, readSafetensors } from "../../src/formats/mod.ts";
import { allocateModel } from "../../src/models/mod.ts";
import { allocateMethod, applyMethod, type MethodSpec, run, runFiles } from "../../src/runs/mod.ts";
import { withFolder } from "../support/folders.ts";
import { tinyModel } from "../train/fixtures.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

Deno.test("run: an adapter of any method is trained and saved", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(5), live = device.ledger.read().live;
    const adapt = (model: Parameters<typeof injectBitFit>[0]) =>
      Promise.resolve(injectBitFit(model));
    const { log } = await run(spec, { ...tinyOptions(folder, device), adapt });
    assertEquals(log.loss.length, 5);
    const { adapter } = await runFiles(folder, spec);
    const { tensors } = await readSafetensors(`${adapter}/adapter_model.safetensors`);
    assert([...tensors.keys()].every((name) => name.endsWith(".bias")));
    assertEquals(device.ledger.read().live, live);
  }));

for (const init of ["pissa", "olora"] as const) {
  Deno.test(`run: LoRA that begins at the weights (${init}) is trained, saved and predicted`, () =>
    withFolder(async (folder) => {
      using device = await openCpuDevice({ threads: 1 });
      const method = { kind: "lora", rank: 2, sites: ["q", "v"], init } as const;
      const spec = { ...tinySpec(5), method };
      const { log: { loss } } = await run(spec, tinyOptions(folder, device));
      using other = await openCpuDevice({ threads: 1 });
      const plain = await run({ ...spec, method: { ...method, init: "kaiming" } }, {
        ...tinyOptions(folder, other),
      });
      assertAlmostEquals(loss[0], plain.log.loss[0], 1e-5); // Both begin at the base.
      assertNotEquals(loss[4], plain.log.loss[4]);
      const { adapter } = await runFiles(folder, spec);
      const { config, updates } = await readAdapter(adapter);
      assertEquals([config.rank, updates[0].A.shape[0]], [8, 4]); // Converted: each site's is twice its rank.
      using model = tinyModel(other);
      const before = other.ledger.read().byRole.adapter;
      using real = (await applyMethod(model, method, 1))!;
      const bytes = other.ledger.read().byRole.adapter - before;
      real.remove();
      using dry = new DryDevice();
      using shape = allocateModel(dry, model.configJson());
      using _ = allocateMethod(shape, method, 1);
      assertEquals(dry.ledger.read().byRole.adapter, bytes);
    }));
}

Deno.test("full fine-tuning takes no option of another method", async () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const method = { kind: "full", rank: 8 } as unknown as MethodSpec;
  const message = 'full fine-tuning takes no options, found "rank"';
  assertThrows(() => allocateMethod(model, method, 1), TypeError, message);
  await assertRejects(() => applyMethod(model, method, 1), TypeError, message);
  assertEquals(allocateMethod(model, { kind: "full" }, 1), undefined);
});
