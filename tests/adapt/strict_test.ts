import { assertEquals, assertRejects } from "@std/assert";
import { loadAdapter, type LoadAdapterOptions } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { type HostTensor, readAdapter } from "../../src/formats/mod.ts";
import { matrix, spoilLastValue, writeRawAdapter } from "../formats/adapter_folders.ts";
import { tinyModel, withFolder } from "./fixtures.ts";

const config = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["attn.c_proj"] };

const zeros = (rows: number, columns: number): HostTensor => ({
  shape: [rows, columns],
  data: new Float32Array(rows * columns),
});

/** The key of a tensor of the layers that the configuration selects. */
const key = (layer: number, letter: string, prefix = "transformer.") =>
  `base_model.model.${prefix}h.${layer}.attn.c_proj.lora_${letter}.weight`;

const tensorsOf = (prefix = "transformer."): Record<string, HostTensor> => ({
  [key(0, "A", prefix)]: matrix(2, 12),
  [key(0, "B", prefix)]: matrix(12, 2),
  [key(1, "A", prefix)]: matrix(2, 12),
  [key(1, "B", prefix)]: zeros(12, 2),
});

/** Loads a folder as somebody else might have written it. */
async function load(
  changes: { config?: object; tensors?: Record<string, HostTensor>; spoil?: boolean },
  options: LoadAdapterOptions = {},
) {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const folder = await Deno.makeTempDir();
  try {
    await writeRawAdapter(folder, { ...config, ...changes.config }, changes.tensors ?? tensorsOf());
    if (changes.spoil) await spoilLastValue(`${folder}/adapter_model.safetensors`);
    using adapter = await loadAdapter(model, folder, options);
    return { loaded: adapter.loaded!, sites: adapter.sites.map(({ name }) => name) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a loaded adapter says which modules matched, and which B are all zero", async () => {
  const row = { rank: 2, scaling: 2 };
  for (const prefix of ["transformer.", "", "model.transformer."]) {
    const { matched, passed } = (await load({ tensors: tensorsOf(prefix) })).loaded;
    assertEquals(passed, []);
    assertEquals(
      matched,
      [0, 1].map((layer) => ({
        module: `${prefix}h.${layer}.attn.c_proj`,
        layer: `transformer.h.${layer}.attn.c_proj`,
        ...row,
        isZero: layer === 1,
      })),
    );
  }
});

const { [key(1, "A")]: _A, [key(1, "B")]: _B, ...firstLayer } = tensorsOf();
const { [key(1, "B")]: _, ...withoutB } = tensorsOf();
const bothRanks = { ...tensorsOf(), [key(1, "A")]: matrix(3, 12), [key(1, "B")]: matrix(12, 3) };

const cases = {
  "a field that is unknown": {
    changes: { config: { use_future: true } },
    words: "use_future must be null, false or empty (the field is unknown), found true",
    passed: ["unknownFields: use_future"],
  },
  "a switch that is not implemented": {
    changes: { config: { use_qalora: true } },
    words: "use_qalora must be null, false or empty (not implemented: QA-LoRA), found true",
    passed: ["unknownFields: use_qalora"],
  },
  "a key that is unknown": {
    changes: { tensors: { ...tensorsOf(), "base_model.model.score.weight": matrix(2, 2) } },
    words: "every tensor must be some module's lora_A.weight or lora_B.weight, found",
    passed: ["unknownTensors: base_model.model.score.weight"],
  },
  "a module that is not selected": {
    changes: { config: { exclude_modules: ["h.1.attn.c_proj"] } },
    words: "the configuration must select every module that has weights",
    passed: ["unknownTensors: transformer.h.1.attn.c_proj"],
  },
  "a key that is missing": {
    changes: { tensors: withoutB },
    words: `A and B must come in pairs, found no "${key(1, "B")}"`,
    passed: [`missingTensors: ${key(1, "B")}`, "missingTensors: transformer.h.1.attn.c_proj"],
  },
  "a layer without weights": {
    changes: { tensors: firstLayer },
    words:
      'every layer that the configuration selects, found none of "transformer.h.1.attn.c_proj"',
    passed: ["missingTensors: transformer.h.1.attn.c_proj"],
  },
  "a target that matches nothing": {
    changes: { config: { target_modules: ["attn.c_proj", "q_proj"] } },
    words: 'every name in target_modules must match a module that has weights, found "q_proj"',
    passed: ["unmatchedTargets: q_proj"],
  },
  "a rank that does not fit": {
    changes: { tensors: bothRanks },
    words: "must have shape (2, in), found [3, 12]",
    passed: ["ranks: transformer.h.1.attn.c_proj has 3"],
  },
  "a value that is not finite": {
    changes: { spoil: true },
    words: "must be finite in F32, found NaN at [11, 1]",
    passed: [`nonFinite: ${key(1, "B")}`],
  },
} as const;

for (const [name, { changes, words, passed }] of Object.entries(cases)) {
  Deno.test(`${name} stops the loader with a sentence, and passes by name`, async () => {
    const error = await assertRejects(() => load(changes), AdapterFileError, words);
    const [exception] = passed[0].split(":");
    assertEquals(
      error.message.includes(`allow: ["${exception}"] lets it pass`),
      true,
      error.message,
    );
    const loaded = (await load(changes, { allow: [exception as "ranks"] })).loaded;
    assertEquals(loaded.passed, [...passed]);
  });
}

Deno.test("a rank that is let pass is in the scaling, too", async () => {
  const { matched } = (await load({ tensors: bothRanks }, { allow: ["ranks"] })).loaded;
  assertEquals(matched.map(({ rank, scaling }) => [rank, scaling]), [[2, 2], [3, 4 / 3]]);
});

Deno.test("an exception that does not exist is refused by name", () =>
  withFolder(async (folder) => {
    await assertRejects(
      () => readAdapter(folder, { allow: ["everything" as "ranks"] }),
      RangeError,
      "allow must list some of unknownFields, unknownTensors, missingTensors, unmatchedTargets, " +
        'ranks, nonFinite, found "everything"',
    );
  }));
