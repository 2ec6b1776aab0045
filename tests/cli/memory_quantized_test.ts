/** `lowrank memory` of a base that is in 4 bits already. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DryDevice } from "../../src/device/dry.ts";
import { loadModel, type LoadModelOptions, quantizeFolder } from "../../src/models/mod.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { withHub } from "../support/hub_server.ts";
import { writeQuantizedFolder } from "../support/quantized_folder.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const step = ["--method", "lora", "--batch", "1", "--length", "4"];
const words = "Blocks of 64 are assumed: only the configuration was read";

const bytesIn = async (place: string, ...more: string[]) =>
  (await lowrankJson("memory", place, ...step, ...more)).byRole;

/** The bytes of the base that a folder is loaded to. */
async function bytesLoaded(folder: string, options: LoadModelOptions = {}) {
  using dry = new DryDevice();
  using _ = await loadModel(dry, folder, options);
  return dry.ledger.read().byRole;
}

Deno.test("a folder in 4 bits is counted in the blocks of its files, a configuration alone in blocks of 64", () =>
  withFolder(async (folder) => {
    const found: number[] = [];
    for (const blockSize of [64, 128]) {
      const place = `${folder}/${blockSize}`, alone = `${folder}/alone-${blockSize}`;
      await Deno.mkdir(place);
      await writeQuantizedFolder(place, golden("gpt2_tiny"), { blockSize });
      const { quantized } = await bytesIn(place);
      assertEquals(quantized, (await bytesLoaded(place)).quantized);
      assert(!(await lowrank("memory", place, ...step)).stdout.includes(words));
      await Deno.mkdir(alone);
      await Deno.copyFile(`${place}/config.json`, `${alone}/config.json`);
      assertStringIncludes((await lowrank("memory", alone, ...step)).stdout, words);
      found.push(quantized, (await bytesIn(alone)).quantized);
    }
    const [own, guess, larger, same] = found;
    assertEquals([guess, same], [own, own]);
    assert(larger < own);
  }));

Deno.test("a configuration beside its files is read alone, which is said", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"), { blockSize: 128 });
    const { stdout } = await lowrank("memory", `${folder}/config.json`, ...step);
    assertStringIncludes(stdout, words);
    assert(!stdout.includes("not there"));
  }));

Deno.test("a repository in 4 bits is counted without downloading its weights", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"));
    const names = ["config.json", "model.safetensors"];
    const files = names.map((name) => [name, Deno.readFileSync(`${folder}/${name}`)]);
    await withHub({ "me/four": Object.fromEntries(files) }, async ({ got }) => {
      const { stdout } = await lowrank("memory", "hf:me/four", ...step);
      assertStringIncludes(stdout, words);
      assertEquals(await bytesIn("hf:me/four"), await bytesIn(folder));
      const asked = got.map(({ what }) => what);
      assert(asked.some((what) => what.endsWith("/config.json")));
      assertEquals(asked.filter((what) => what.includes("safetensors")), []);
    });
  }));

Deno.test("a folder in 4 bits whose configuration does not say so is counted in them", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"), { blockSize: 128 }, {});
    const { weight, quantized } = await bytesIn(folder), loaded = await bytesLoaded(folder);
    assertEquals([weight, quantized], [loaded.weight, loaded.quantized]);
    assert(quantized > 0);
    await assertFails(
      ["memory", folder, "--method", "full"],
      "full fine-tuning needs a base in F32, found one in nf4: give --rank 8 for an adapter, or use ",
    );
  }));

Deno.test("with auto, what a folder has in 16 bits stays so, beside 4 bits or alone", () =>
  withFolder(async (folder) => {
    const place = `${folder}/four`, auto = ["--base-dtype", "auto"];
    await quantizeFolder("models/tiny-gpt2", place);
    const loaded = await bytesLoaded(place, { dtype: "auto" });
    const whole = await bytesLoaded("models/tiny-gpt2", { dtype: "auto" });
    assertEquals((await bytesIn("models/tiny-gpt2", ...auto)).weight, whole.weight);
    for (const model of [place, `${place}/config.json`]) {
      const { weight, quantized } = await bytesIn(model, ...auto);
      assertEquals([weight, quantized], [loaded.weight, loaded.quantized]);
    }
    // The token embedding alone, of 1024 x 256 values: norms and positions are always in F32.
    assertEquals((await bytesIn(place)).weight - loaded.weight, 2 * 1024 * 256);
  }));
