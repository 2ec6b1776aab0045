import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  type LowRankUpdate,
  parseHeader,
  readAdapter,
  readSafetensors,
  ShapeError,
  writeAdapter,
} from "../../src/formats/mod.ts";
import { exactAlpha } from "../../src/formats/peft/config.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { canLimitFiles, runWithFileLimit } from "../support/full_disk.ts";
import { matrix } from "./adapter_folders.ts";

const golden = new URL("../golden/adapters/", import.meta.url).pathname;

/** An update of a module from 3 to 4. */
const update = (module: string, rank = 2, scaling = 2): LowRankUpdate => ({
  module,
  A: matrix(rank, 3),
  B: matrix(4, rank),
  scaling,
});

const readText = (folder: string, file: string) => Deno.readTextFile(`${folder}/${file}`);

Deno.test("the configuration is PEFT's, with sorted keys and an indent of two", () =>
  withFolder(async (parent) => {
    const folder = `${parent}/new/adapter`;
    await writeAdapter(folder, {
      updates: [update("h.0.c_attn"), update("h.1.c_attn")],
      baseModelName: "gpt2",
      targetModules: ["c_proj", "c_attn"],
      fanInFanOut: true,
      dropout: 0.1,
    });
    assertEquals(filesIn(folder), [
      "README.md",
      "adapter_config.json",
      "adapter_model.safetensors",
    ]);
    const text = await readText(folder, "adapter_config.json");
    const config = JSON.parse(text);
    assertEquals(Object.keys(config), Object.keys(config).sort());
    assertStringIncludes(text, '{\n  "alpha_pattern": {},\n');
    assertEquals(config, {
      alpha_pattern: {},
      base_model_name_or_path: "gpt2",
      bias: "none",
      fan_in_fan_out: true,
      inference_mode: true,
      init_lora_weights: true,
      lora_alpha: 4,
      lora_dropout: 0.1,
      modules_to_save: null,
      peft_type: "LORA",
      r: 2,
      rank_pattern: {},
      target_modules: ["c_attn", "c_proj"],
      task_type: "CAUSAL_LM",
      use_dora: false,
      use_rslora: false,
    });
    const { tensors, metadata } = await readSafetensors(`${folder}/adapter_model.safetensors`);
    assertEquals(Object.keys(metadata), ["format", "lowrank.config"]);
    assertEquals(metadata.format, "pt");
    assertEquals([...tensors.keys()], [
      "base_model.model.h.0.c_attn.lora_A.weight",
      "base_model.model.h.0.c_attn.lora_B.weight",
      "base_model.model.h.1.c_attn.lora_A.weight",
      "base_model.model.h.1.c_attn.lora_B.weight",
    ]);
  }));

Deno.test("modules that differ get patterns that match them alone", () =>
  withFolder(async (folder) => {
    const updates = [
      update("h.1.c", 2, 2),
      update("x.h.1.c", 3, 2),
      update("h.1xc", 4, 2),
      update("h.11.c", 2, 0.1),
      update("h.2.c", 2, 2),
    ];
    await writeAdapter(folder, { updates });
    const config = JSON.parse(await readText(folder, "adapter_config.json"));
    assertEquals([config.r, config.lora_alpha], [2, 4]);
    assertEquals(config.rank_pattern, { "^h\\.1xc": 4, "^x\\.h\\.1\\.c": 3 });
    assertEquals(config.alpha_pattern, { "^h\\.11\\.c": 0.2, "^h\\.1xc": 8, "^x\\.h\\.1\\.c": 6 });
    const read = (await readAdapter(folder)).updates;
    const byName = new Map(read.map((update) => [update.module, update]));
    for (const update of updates) assertEquals(byName.get(update.module), update);
  }));

Deno.test("what is written is read", () => {
  const name = fc.array(fc.stringMatching(/^[A-Za-z0-9_+$-]{1,6}$/), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join("."));
  const module = fc.record({
    name,
    rank: fc.integer({ min: 1, max: 5 }),
    alpha: fc.integer({ min: -64, max: 64 }),
  });
  const adapters = fc.uniqueArray(module, { minLength: 1, maxLength: 6, selector: (m) => m.name });
  return withFolder((folder) =>
    fc.assert(
      fc.asyncProperty(adapters, async (specs) => {
        const updates = specs.map(({ name, rank, alpha }) => update(name, rank, alpha / rank));
        await writeAdapter(folder, { updates });
        const byName = (a: LowRankUpdate, b: LowRankUpdate) => a.module < b.module ? -1 : 1;
        const read = (await readAdapter(folder)).updates;
        assertEquals(read.toSorted(byName), updates.toSorted(byName));
      }),
      { numRuns: 30 },
    )
  );
});

/** The tensors' entries and bytes, without the metadata. */
async function contentOf(path: string) {
  const bytes = await Deno.readFile(path),
    { tensors, dataOffset } = parseHeader(bytes, bytes.length);
  const entries = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]);
  return { entries, bytes: bytes.subarray(dataOffset) };
}

Deno.test("PEFT's own adapters survive reading and writing to the byte, metadata apart", () =>
  withFolder(async (folder) => {
    for (
      const name of ["peft_c_attn", "peft_all_linear", "peft_rslora", "peft_suffix", "block_qv"]
    ) {
      const original = await readAdapter(golden + name);
      await writeAdapter(folder, { updates: original.updates });
      assertEquals((await readAdapter(folder)).updates, original.updates);
      const file = "adapter_model.safetensors";
      const [ours, theirs] = [`${folder}/${file}`, `${golden}${name}/${file}`];
      assertEquals(await contentOf(ours), await contentOf(theirs), name);
    }
  }));

Deno.test("alpha gives back the very scaling it came from", () => {
  const rank = fc.integer({ min: 1, max: 4096 });
  const alpha = fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.double({ min: 1e-6, max: 1e6 }));
  fc.assert(fc.property(alpha, rank, (alpha, rank) => {
    const scaling = alpha / rank;
    assertEquals(exactAlpha(scaling, rank) / rank, scaling);
  }));
  assertEquals(exactAlpha(16 / 3, 3), 16);
  assertEquals(exactAlpha(0, 4), 0);
  // Any other scaling, such as α/√r, is met as an F32 factor at least to the last bit but one.
  fc.assert(fc.property(rank, rank, (alpha, rank) => {
    const scaling = alpha / Math.sqrt(rank);
    const error = Math.abs(exactAlpha(scaling, rank) / rank - scaling);
    assert(error <= scaling * Number.EPSILON);
  }));
});

Deno.test("F16 adapters are half the size and read as F32", () =>
  withFolder(async (folder) => {
    await writeAdapter(folder, { updates: [update("a")], dtype: "F16" });
    const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
    assert(tensors.get("base_model.model.a.lora_A.weight")?.data instanceof Float32Array);
    assertEquals((await readAdapter(folder)).updates[0].A, matrix(2, 3));
  }));

Deno.test("adapters that cannot be read back are refused and nothing is written", () =>
  withFolder(async (parent) => {
    const folder = `${parent}/adapter`;
    const refuses = async (updates: LowRankUpdate[], words: string, targetModules?: string[]) => {
      const write = () => writeAdapter(folder, { updates, targetModules });
      const { message } = await assertRejects(write, RangeError);
      assertStringIncludes(message, `cannot write the adapter in ${folder}: `);
      assertStringIncludes(message, words);
    };
    await refuses([], "at least one update, found none");
    await refuses([update("a"), update("a")], 'unique, found "a" twice');
    await refuses([update("a\nb")], 'name must be one line of text, found "a\\nb"');
    await refuses([update("")], 'name must be one line of text, found ""');
    await refuses([update("a", 2, NaN)], "the scaling of a must be finite in F32, found NaN");
    await refuses([update("h.c_attn")], 'targetModules must select "h.c_attn", found ["q"]', ["q"]);
    const unfit = { ...update("a"), B: matrix(4, 3) };
    await refuses([unfit], "A and B of a must be (rank, 3) and (4, rank), found [2, 3] and [4, 3]");
    await assertRejects(() => writeAdapter(folder, { updates: [unfit] }), ShapeError);
    for (const dropout of [1, -0.1, NaN]) {
      const write = () => writeAdapter(folder, { updates: [update("a")], dropout });
      await assertRejects(write, RangeError, `dropout must be in [0, 1), found ${dropout}`);
    }
    const rows = { start: 2, count: 4 }, part = { ...update("a"), rows, outputs: 6 };
    await refuses([part, { ...part, rows: { start: 1, count: 4 } }], "share rows, found row 2");
    await refuses([{ ...part, outputs: 5 }], "rows of a site must be in [0, 5), found 5");
    await refuses(
      [{ ...part, outputs: undefined }],
      "its weight's number of outputs, found none for a[2:6]",
    );
    await refuses([part, update("a")], "A and B of a must be (rank, 3) and (6, rank)");
    assertEquals(filesIn(parent), []);
  }));

Deno.test("our card is renewed, somebody else's README stays", () =>
  withFolder(async (folder) => {
    await writeAdapter(folder, { updates: [update("a")], baseModelName: 'odd "name": `x`' });
    const card = await readText(folder, "README.md");
    assertStringIncludes(card, '---\nbase_model: "odd \\"name\\": `x`"\nlibrary_name: peft\n');
    assertStringIncludes(card, "- Parameters: 14\n");
    await writeAdapter(folder, { updates: [update("a"), update("b")] });
    assertStringIncludes(await readText(folder, "README.md"), "- Parameters: 28\n");
    await Deno.writeTextFile(`${folder}/README.md`, "mine");
    await writeAdapter(folder, { updates: [update("a")] });
    assertEquals(await readText(folder, "README.md"), "mine");
    const latin = Uint8Array.of(0x6d, 0xe9);
    await Deno.writeFile(`${folder}/README.md`, latin);
    await writeAdapter(folder, { updates: [update("a")] });
    assertEquals(await Deno.readFile(`${folder}/README.md`), latin);
  }));

Deno.test("the card tells what was trained from the zeros around it", () =>
  withFolder(async (folder) => {
    const sites = ["h.0.c_attn", "h.1.c_attn"].flatMap((module) =>
      [0, 2].map((start) => {
        const rows = { start, count: 2 };
        return { module, rows, outputs: 4, A: matrix(1, 3), B: matrix(2, 1), scaling: 2 };
      })
    );
    await writeAdapter(folder, { updates: [...sites, update("h.0.c_fc")] });
    assertStringIncludes(
      await readText(folder, "README.md"),
      "- Sites that it changes: 5, `h.0…1.c_attn[0:2], h.0…1.c_attn[2:4], h.0.c_fc`\n" +
        "- Their updates: ranks 1, 2, alphas 2, 4, scaling 2 (alpha / rank)\n" +
        "- Parameters: 34 trained, 42 in the file: of `c_attn` only rows 0–1 and 2–3 are changed, " +
        "and for PEFT that is one update of all rows, with `r` 2, `lora_alpha` 4 and zeros in B.\n",
    );
  }));

Deno.test({
  name: "a disk that fills up leaves the old adapter whole",
  ignore: !canLimitFiles,
  fn: () =>
    withFolder(async (folder) => {
      await writeAdapter(folder, { updates: [update("a")] });
      const before = await readAdapter(folder);
      const message = await runWithFileLimit(
        16,
        `import { writeAdapter } from "./src/formats/mod.ts";
         const A = { shape: [9, 1000], data: new Float32Array(9000) };
         const B = { shape: [1, 9], data: new Float32Array(9) };
         await writeAdapter("${folder}", { updates: [{ module: "a", A, B, scaling: 1 }] })
           .catch((error) => console.log(error.message));`,
      );
      assertStringIncludes(message, `cannot write ${folder}/adapter_model.safetensors: the file`);
      assertEquals(await readAdapter(folder), before);
      assertEquals(filesIn(folder).length, 3);
    }),
});
