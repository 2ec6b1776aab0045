/** `lowrank resize`. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { truncateUpdate } from "../../src/analysis/mod.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openSafetensors, readAdapter, siteName, writeAdapter } from "../../src/formats/mod.ts";
import { goodConfig, goodTensors, matrix, writeRawAdapter } from "../formats/adapter_folders.ts";
import { randomUpdate } from "./random_update.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear");

Deno.test("resize: the error is the distance of the dense updates, and PEFT's fields are kept", () =>
  withFolder(async (folder) => {
    const { modules } = await lowrankJson("resize", adapter, "--rank", "3", "--output", folder);
    const resized = await readAdapter(folder), original = await readAdapter(adapter);
    const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
    for (const [i, { name, rank, before, error }] of modules.entries()) {
      assertEquals([rank, before], [Math.min(3, before), original.updates[i].A.shape[0]]);
      const delta = deltas.get(`delta.peft_all_linear.${name}`)!.data;
      const { A, B, scaling } = resized.updates.find(({ module }) => module === name)!;
      assertEquals(scaling, original.updates[i].scaling);
      const [, width] = A.shape;
      const difference = Array.from(delta, (value, at) => {
        let sum = 0;
        for (let p = 0; p < rank; p++) {
          sum += B.data[Math.floor(at / width) * rank + p] * A.data[p * width + at % width];
        }
        return value - scaling * sum;
      });
      assertAlmostEquals(Math.hypot(...difference) / Math.hypot(...delta), error, 1e-6);
    }
    const { config } = resized;
    assertEquals(
      [config.taskType, config.fanInFanOut, config.baseModelName],
      [original.config.taskType, true, original.config.baseModelName],
    );
  }));

Deno.test("resize --energy keeps the share, and the table says where it was written", () =>
  withFolder(async (folder) => {
    const { modules } = await lowrankJson("resize", adapter, "--energy", "0.8", "--output", folder);
    const ranks = modules.map(({ rank }: { rank: number }) => rank);
    assert(new Set(ranks).size > 1);
    for (const { error } of modules) assert(error <= Math.sqrt(0.2) + 1e-12);
    const { stdout } = await lowrank(
      "resize",
      adapter,
      "--energy",
      "1",
      "--output",
      `${folder}/all`,
    );
    assertStringIncludes(stdout, `wrote the adapter to ${folder}/all`);
    const [, value] = /nothing to reduce: .*; --energy (0\.\d+) would/.exec(stdout)!;
    const less = await lowrankJson("resize", adapter, "--energy", value, "--output", folder);
    assert(less.modules.some(({ rank, before }: Record<string, number>) => rank < before));
    const same = await lowrank("resize", adapter, "--rank", "6", "--output", `${folder}/all`);
    assertStringIncludes(same.stdout, "nothing to reduce: --rank 5 or lower would\n");
  }));

Deno.test("resize: each site of a module is cut separately, and stays a site", () =>
  withFolder(async (folder) => {
    const rows = [{ start: 0, count: 3 }, { start: 4, count: 2 }], random = new Random(1);
    const name = "layer.0.qkv", [from, to] = ["/from", "/to"];
    const sites = rows.map((rows, i) => randomUpdate(name, 2 - i, [6, 5], rows, random));
    await writeAdapter(folder + from, { updates: sites });
    const { modules } = await lowrankJson(
      ...["resize", folder + from, "--rank", "1", "--output", folder + to],
    );
    const { updates } = await readAdapter(folder + to);
    assertEquals(updates.map(siteName), [`${name}[0:3]`, `${name}[4:6]`]);
    updates.forEach((update, i) => {
      const { error, ...cut } = truncateUpdate(sites[i], 1);
      assertEquals(update, { ...sites[i], ...cut });
      assertEquals(modules[i], {
        name: siteName(sites[i]),
        ...{ before: 2 - i, rank: 1, error: error.relative },
      });
    });
  }));

Deno.test("resize stores values as the adapter does, or as told", () =>
  withFolder(async (folder) => {
    const { updates } = await readAdapter(adapter), bf16 = `${folder}/bf16`;
    await writeAdapter(bf16, { updates, dtype: "BF16" });
    const resize = async (from: string, ...more: string[]) => {
      const output = `${folder}/out`;
      const { dtype } = await lowrankJson(
        "resize",
        from,
        "--rank",
        "2",
        "--output",
        output,
        ...more,
      );
      using file = await openSafetensors(`${output}/adapter_model.safetensors`);
      return [dtype, ...new Set([...file.tensors.values()].map((entry) => entry.dtype))];
    };
    assertEquals(await resize(adapter), ["F32", "F32"]);
    assertEquals(await resize(bf16), ["BF16", "BF16"]);
    assertEquals(await resize(bf16, "--dtype", "f16"), ["F16", "F16"]);
  }));

Deno.test("resize copies a classifier with PEFT's name for it and its labels", () =>
  withFolder(async (folder) => {
    const [from, to] = [`${folder}/from`, `${folder}/to`];
    const config = { ...goodConfig, modules_to_save: ["score"], task_type: "SEQ_CLS" };
    await Deno.mkdir(from);
    const key = "base_model.model.score.weight";
    await writeRawAdapter(from, config, { ...goodTensors, [key]: matrix(2, 3) });
    const resize = ["resize", from, "--rank", "1", "--output", to];
    const copied = async (labels?: string[]) => {
      await lowrankJson(...resize);
      const { saved, updates } = await readAdapter(to, { withSaved: true });
      assertEquals([...saved], [["score.weight", matrix(2, 3)]]);
      assertEquals(updates[0].A.shape[0], 1);
      const { modules_to_save, task_type } = JSON.parse(
        await Deno.readTextFile(`${to}/adapter_config.json`),
      );
      assertEquals([modules_to_save, task_type], [["score"], "SEQ_CLS"]);
      using file = await openSafetensors(`${to}/adapter_model.safetensors`);
      assertEquals(file.metadata["lowrank.labels"], labels && JSON.stringify(labels));
    };
    await copied();
    const { updates, saved } = await readAdapter(from, { withSaved: true });
    await writeAdapter(from, {
      ...{ updates, saved, labels: ["sea", "war"], savedModules: ["score"] },
      taskType: "SEQ_CLS",
    });
    await copied(["sea", "war"]);
  }));

Deno.test("resize refuses factors that become infinite, and writes nothing", () =>
  withFolder(async (folder) => {
    const config = { ...goodConfig, lora_alpha: 1, target_modules: ["query"] };
    await writeRawAdapter(folder, config, {
      "base_model.model.layer.4.query.lora_A.weight": hostTensor([2, 3], Array(6).fill(3e38)),
      "base_model.model.layer.4.query.lora_B.weight": hostTensor([2, 2], Array(4).fill(3e38)),
    });
    await assertFails(
      ["resize", folder, "--rank", "1", "--output", `${folder}/out`],
      "the factors of the update of layer.4.query must be finite in F32, found",
    );
    assertEquals(filesIn(folder), ["adapter_config.json", "adapter_model.safetensors"]);
  }));

Deno.test("resize refuses no rule, two rules, and overwriting its input", () =>
  withFolder(async (folder) => {
    const to = ["--output", folder];
    await assertFails(
      ["resize", adapter, ...to],
      "needs one of --rank and --energy, found neither",
    );
    await assertFails(
      ["resize", adapter, "--rank", "1", "--energy", "0.5", ...to],
      "needs one of --rank and --energy, found both",
    );
    await assertFails(["resize", adapter, "--energy", "1.5", ...to], "at most 1");
    await assertFails(["resize", adapter, "--rank", "0", ...to], "of at least 1");
    await assertFails(
      ["resize", adapter, "--rank", "1", "--output", adapter],
      "must not be the input folder",
    );
    await assertFails(
      ["resize", adapter, "--rank", "1", "--output", model],
      "already holds a model",
    );
  }));
