/** An adapter's folder in memory is the one that is saved. */

import { assertEquals, assertRejects } from "@std/assert";
import { adapterInMemory, injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { withFolder } from "../support/folders.ts";

Deno.test("an adapter in memory has the bytes of its folder, and reads as it does", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1, blas: false });
    using model = await loadModel(device, "models/tiny-gpt2");
    using adapter = injectLora(model, { rank: 2, alpha: 4, seed: 1 });
    const options = { baseModelName: "gpt2", dtype: "BF16" } as const;
    await adapter.save(folder, options);
    const files = await adapterInMemory(adapter, options);
    assertEquals(
      files.map(({ name }) => name).sort(),
      Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(),
    );
    for (const file of files) {
      assertEquals(await file.bytes(), await Deno.readFile(`${folder}/${file.name}`), file.name);
    }
    assertEquals((await readAdapter(files)).updates, (await readAdapter(folder)).updates);
    const unknown = { folder } as unknown as typeof options;
    await assertRejects(() => adapterInMemory(adapter, unknown), TypeError, "folder");
  }));
