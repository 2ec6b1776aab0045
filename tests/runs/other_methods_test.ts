import { assert, assertEquals } from "@std/assert";
import { injectBitFit } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { run, runFiles } from "../../src/runs/mod.ts";
import { withFolder } from "../support/folders.ts";
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
