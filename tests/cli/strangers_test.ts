/** Files that somebody else sent: everything about them that can be wrong is refused in one sentence. */

import { assertEquals } from "@std/assert";
import { golden } from "../support/golden.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { safetensors, withHeader } from "../fuzz/tensors.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrank } from "./lowrank.ts";

/** A family's golden base, one of its layers by its shape (out, in), and how its configuration calls it. */
interface Family {
  readonly base: string;
  readonly module: string;
  readonly outputs: number;
  readonly inputs: number;
  readonly target: string;
  readonly fanInFanOut?: true;
}

const families: Readonly<Record<string, Family>> = {
  "GPT-2": {
    base: golden("gpt2_tiny"),
    ...{ module: "transformer.h.0.mlp.c_fc", outputs: 192, inputs: 48 },
    ...{ target: "h.0.mlp.c_fc", fanInFanOut: true },
  },
  BERT: {
    base: golden("families/bert_classifier"),
    ...{ module: "bert.encoder.layer.0.intermediate.dense", outputs: 24, inputs: 16 },
    target: "layer.0.intermediate.dense",
  },
  Llama: {
    base: golden("families/llama"),
    ...{ module: "model.layers.0.self_attn.k_proj", outputs: 8, inputs: 16 },
    target: "layers.0.self_attn.k_proj",
  },
};

type Bytes = Uint8Array<ArrayBuffer>;

/** What is wrong, and which words the sentence has. */
interface Wrong {
  /** Changes the adapter's weights. */
  readonly weights?: (good: Bytes, family: Family) => Bytes;
  /** Adds to the adapter's configuration. */
  readonly config?: object;
  /** One more target module. */
  readonly more?: string;
  readonly sentence: string | ((family: Family) => string);
}

const keyOf = (module: string, letter: "A" | "B") =>
  `base_model.model.${module}.lora_${letter}.weight`;

/** A of rank 2, B, and more tensors. */
function adapterOf({ module, outputs, inputs }: Family, value = 0.5, rank = 2): Bytes {
  return safetensors([
    { name: keyOf(module, "A"), shape: [rank, inputs], values: Array(rank * inputs).fill(value) },
    { name: keyOf(module, "B"), shape: [outputs, rank], values: Array(outputs * rank).fill(1) },
  ], { format: "pt" });
}

// deno-lint-ignore no-explicit-any -- headers are changed in any way
const header = (change: (header: any, family: Family) => void) => (good: Bytes, family: Family) =>
  withHeader(good, (header) => change(header, family));

const wrong: Readonly<Record<string, Wrong>> = {
  "a header that ends early": {
    weights: (good) => good.slice(0, 100),
    sentence: "adapter_model.safetensors: ",
  },
  "values that end early": { weights: (good) => good.slice(0, -4), sentence: "bytes" },
  "a header that says to be longer than the file": {
    weights: (good) => withHeader(good, () => {}, 2 ** 40),
    sentence: "adapter_model.safetensors: ",
  },
  "tensors that overlap": {
    weights: header((header, { module }) => {
      const [start, end] = header[keyOf(module, "B")].data_offsets;
      header[keyOf(module, "B")].data_offsets = [start - 8, end - 8];
    }),
    sentence: "adapter_model.safetensors: ",
  },
  "a tensor of another size than its shape": {
    weights: header((header, { module }) => void header[keyOf(module, "A")].shape.push(2 ** 30)),
    sentence: "adapter_model.safetensors: ",
  },
  "NaN in a factor": {
    weights: (_, family) => adapterOf(family, NaN),
    sentence: ({ module }) => `the values of "${keyOf(module, "A")}" must be finite`,
  },
  "a transposed A": {
    weights: header((header, { module }) => void header[keyOf(module, "A")].shape.reverse()),
    sentence: ({ module, inputs }) =>
      `"${keyOf(module, "A")}" must have shape (2, in), found [${inputs}, 2]`,
  },
  "a missing B": {
    weights: (_, { module, inputs }) =>
      safetensors([{ name: keyOf(module, "A"), shape: [2, inputs] }]),
    sentence: ({ module }) => `A and B must come in pairs, found no "${keyOf(module, "B")}"`,
  },
  "an extra tensor": {
    weights: header((header, { module }) => {
      const name = keyOf(module, "B");
      header[`${name}_more`] = { ...header[name], shape: [0], data_offsets: [0, 0] };
    }),
    sentence: "lora_B.weight_more",
  },
  "an unknown switch": { config: { use_nothing: true }, sentence: "use_nothing" },
  "a switch of another method": { config: { peft_type: "IA3" }, sentence: "peft_type" },
  "a target that matches nothing": {
    more: "no_such",
    sentence: 'must match a module that has weights, found "no_such"',
  },
  "another rank": { config: { r: 3 }, sentence: "must have shape (3, in), found [2, " },
  "a wrong base, of other widths": {
    weights: (_, family) => adapterOf({ ...family, inputs: family.inputs + 8 }),
    sentence: ({ inputs }) => `${inputs + 8}`,
  },
};

async function writeAdapter(
  folder: string,
  family: Family,
  { weights, config, more }: Partial<Wrong>,
) {
  const { target, fanInFanOut: fan_in_fan_out = false } = family;
  await Deno.mkdir(folder);
  const target_modules = more ? [target, more] : [target];
  const fields = {
    peft_type: "LORA",
    r: 2,
    lora_alpha: 4,
    target_modules,
    fan_in_fan_out,
  };
  await writeJson(`${folder}/adapter_config.json`, { ...fields, ...config });
  const good = adapterOf(family), bytes = weights?.(good, family) ?? good;
  await Deno.writeFile(`${folder}/adapter_model.safetensors`, bytes);
}

/** `logits` and `merge` of a base with an adapter. */
async function commandsOf(folder: string, base: string, adapter: string) {
  const input = await writeJson(`${folder}/in.json`, { cases: { a: { input_ids: [[1, 2]] } } });
  const files = ["--model", base, "--adapter", adapter];
  return [
    ["logits", ...files, "--input", input, "--output", `${folder}/out.safetensors`],
    ["merge", ...files, "--output", `${folder}/merged`],
  ];
}

for (const [name, family] of Object.entries(families)) {
  Deno.test(`${name}: the adapter is good as long as nothing is wrong`, () =>
    withFolder(async (folder) => {
      await writeAdapter(`${folder}/adapter`, family, {});
      for (const command of await commandsOf(folder, family.base, `${folder}/adapter`)) {
        assertEquals((await lowrank(...command, "--quiet")).stderr, "");
      }
    }));

  for (const [what, { sentence, ...change }] of Object.entries(wrong)) {
    Deno.test(`${name}: ${what} is refused in one sentence, and nothing is written`, () =>
      withFolder(async (folder) => {
        const adapter = `${folder}/adapter`;
        await writeAdapter(adapter, family, change);
        const part = typeof sentence === "string" ? sentence : sentence(family);
        for (const command of await commandsOf(folder, family.base, adapter)) {
          await assertFails(command, part);
        }
        assertEquals(filesIn(folder), ["adapter", "in.json"]);
      }));
  }

  Deno.test(`${name}: an adapter of each other architecture is refused`, () =>
    withFolder(async (folder) => {
      for (const [other, stranger] of Object.entries(families).filter(([one]) => one !== name)) {
        await writeAdapter(`${folder}/${other}`, stranger, {});
        for (const command of await commandsOf(folder, family.base, `${folder}/${other}`)) {
          await assertFails(command, stranger.module);
        }
      }
    }));

  Deno.test(`${name}: weights in pickles are refused with how to convert them`, () =>
    withFolder(async (folder) => {
      const adapter = `${folder}/adapter`, base = `${folder}/base`;
      await writeAdapter(adapter, family, {});
      await Deno.rename(`${adapter}/adapter_model.safetensors`, `${adapter}/adapter_model.bin`);
      for (const command of await commandsOf(folder, family.base, adapter)) {
        await assertFails(command, "found adapter_model.bin (a pickle can run code): convert it");
      }
      await Deno.mkdir(base);
      await Deno.copyFile(`${family.base}/config.json`, `${base}/config.json`);
      await Deno.writeFile(`${base}/pytorch_model.bin`, new Uint8Array(9));
      await Deno.rename(`${adapter}/adapter_model.bin`, `${adapter}/adapter_model.safetensors`);
      for (const command of await commandsOf(folder, base, adapter)) {
        await assertFails(
          command,
          "found pytorch_model.bin in ",
          "convert it in its folder by python",
        );
      }
    }));

  Deno.test(`${name}: a base with NaN, or with a cut or missing tensor, is refused`, () =>
    withFolder(async (folder) => {
      const base = `${folder}/base`, file = `${base}/model.safetensors`;
      await Deno.mkdir(base);
      await Deno.copyFile(`${family.base}/config.json`, `${base}/config.json`);
      const good = Deno.readFileSync(`${family.base}/model.safetensors`) as Bytes;
      const input = await writeJson(`${folder}/in.json`, { cases: { a: { input_ids: [[1, 2]] } } });
      const logits = ["logits", "--model", base, "--input", input, "--output", `${folder}/out`];
      const nan = good.slice();
      nan.set(new Uint8Array(Float32Array.of(NaN).buffer), nan.length - 4);
      await Deno.writeFile(file, nan);
      await assertFails(logits, "must be finite");
      await Deno.writeFile(file, good.slice(0, -1));
      await assertFails(logits, "model.safetensors: ");
      await Deno.writeFile(
        file,
        withHeader(good, (header) => {
          const name = `${family.module}.weight`;
          header[`${name}s`] = header[name];
          delete header[name];
        }),
      );
      await assertFails(logits, family.module.replace(/^(transformer|bert|model)\./, ""));
    }));
}
