/**
 * PEFT's own regression cases (its tests/regression/test_state_dict.py, `TestStateDictRegression`) by their
 * names, over our small models.
 */

import { assert, assertEquals } from "@std/assert";
import { loadAdapter } from "../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { gradientEntries } from "../../src/cli/gradient_entries.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { type Check, coreDevices, testOn, webgpu } from "../support/devices.ts";
import { golden, goldenTensors, logitsOf, valuesOf, withFolder } from "./fixtures.ts";

const bases = { gpt2: "gpt2_tiny", llama: "families/llama3_tied" } as const;

type Family = keyof typeof bases;

/** PEFT's cases of LoRA on a model that runs here, and three that it does not have. */
const cases = [
  ...["lora", "lora_rslora", "lora_rank_alpha_pattern", "lora_bias_all", "lora_dora"],
  ...["lora_modules_to_save", "lora_modules_to_save_tied", "lora_multi_adapter"],
  ...["lora_pissa_conversion", "lora_target_embedding", "lora_trainable_tokens"],
  ...["lora_bias_only", "lora_target_head", "lora_olora_conversion"],
];

/** Those whose gradients are in the golden files. */
const differentiated = ["lora_target_embedding", "lora_target_head", "lora_trainable_tokens"];

/** Conv1D holds weights turned, and PEFT's OLoRA cannot decompose them. */
const exists = (family: Family, name: string) =>
  family !== "gpt2" || name !== "lora_olora_conversion";

const tokens = hostTensor([2, 3], Uint32Array.of(1, 2, 3, 6, 5, 4));

/** The tokens that follow. */
const labels = Int32Array.of(2, 3, -100, 5, 4, -100);

const families = Object.keys(bases) as Family[];

/** A check for each case of each family. */
const each = (names: readonly string[], run: (family: Family, name: string) => Check) =>
  families.flatMap((family) =>
    names.filter((name) => exists(family, name)).map((name) => run(family, name))
  );

const openBase = (device: Device, family: Family) => loadModel(device, golden(bases[family]));

/** Loading, the output, and a round trip of every case. */
const stateDictChecks: readonly Check[] = [
  ...each(cases, (family, name) => ({
    name: `test_load_and_forward[${name}] on ${family}: PEFT's logits`,
    async run(device) {
      using model = await openBase(device, family);
      const base = await logitsOf(model, { tokens });
      const adapter = await loadAdapter(model, golden(`state_dicts/${family}/${name}`));
      const wanted = (await goldenTensors(`state_dicts/${family}/${name}/output`)).get("logits")!;
      const found = await logitsOf(model, { tokens });
      assertAllClose(found, wanted.data, { absolute: 5e-5, relative: 0 });
      adapter[Symbol.dispose]();
      assertEquals(await logitsOf(model, { tokens }), base);
    },
  })),
  ...each(cases, (family, name) => ({
    name: `test_save_load_roundtrip[${name}] on ${family}: the same tensors, bit for bit`,
    async run(device) {
      using model = await openBase(device, family);
      const folder = golden(`state_dicts/${family}/${name}`);
      using adapter = await loadAdapter(model, folder);
      await withFolder(async (saved) => {
        await adapter.save(saved);
        assertEquals(await tensorsIn(saved), await tensorsIn(folder));
      });
    },
  })),
  ...each(differentiated, (family, name) => ({
    name: `gradients of ${name} on ${family} are PEFT's`,
    async run(device, epsilon) {
      using model = await openBase(device, family);
      const folder = golden(`state_dicts/${family}/${name}`);
      using adapter = await loadAdapter(model, folder);
      using tape = new Tape(device);
      tape.backward(crossEntropy(tape, model.forward(tape, { tokens }), labels));
      const origins = { model: golden(bases[family]), adapter: folder };
      const found = new Map(await gradientEntries(tape, { model, adapters: [adapter] }, origins));
      const all = await goldenTensors(`state_dicts/${family}/${name}/output`);
      const wanted = [...all].filter(([key]) => key.startsWith("grad."));
      assertEquals(new Set(found.keys()), new Set(wanted.map(([key]) => key)));
      for (const [key, { shape, data }] of wanted) {
        const largest = Math.max(...Array.from(data, Math.abs));
        assertEquals(found.get(key)!.shape, shape);
        const absolute = largest * (epsilon > 1e-10 ? 2e-5 : 1e-5);
        assertAllClose(found.get(key)!.data, data, { relative: 0, absolute, what: key });
      }
    },
  })),
  {
    name: "the square c_proj of lora is B · A by value, not its transpose",
    async run(device) {
      using model = await openBase(device, "gpt2");
      const folder = golden("state_dicts/gpt2/lora"), module = "transformer.h.0.attn.c_proj";
      using adapter = await loadAdapter(model, folder);
      const tensors = await tensorsIn(folder), key = `base_model.model.${module}.lora_`;
      const product = (left: HostTensor, right: HostTensor) =>
        Float64Array.from({ length: 48 * 48 }, (_, at) => {
          const [row, column] = [Math.floor(at / 48), at % 48];
          let sum = 0;
          for (let r = 0; r < 8; r++) sum += left.data[row * 8 + r] * right.data[r * 48 + column];
          return 2 * sum;
        });
      const wanted = product(tensors[`${key}B.weight`], tensors[`${key}A.weight`]);
      const { shape, data } = await adapter.deltaWeight(module);
      assertEquals(shape, [48, 48]);
      assertAllClose(data, wanted, { relative: 0, absolute: 1e-7 });
      const site = adapter.sites.find(({ name }) => name === module)!;
      using W = device.allocate([48, 48], "f32", "scratch", "W");
      device.write(W, new Float32Array(W.size));
      site.mergeInto(W);
      assertAllClose(await valuesOf(W), wanted, { relative: 0, absolute: 1e-7 });
      assert(
        wanted.some((value, at) => Math.abs(value - wanted[at % 48 * 48 + (at / 48 | 0)]) > 0.01),
      );
    },
  },
];

/** Tensors of an adapter's file by their names, in no order. */
async function tensorsIn(folder: string): Promise<Record<string, HostTensor>> {
  const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  return Object.fromEntries([...tensors].sort(([a], [b]) => a < b ? -1 : 1));
}

await testOn(coreDevices, stateDictChecks);

// The other cases are files, which are the same on every device.
await testOn([webgpu], stateDictChecks.filter(({ name }) => name.startsWith("gradients of")));
