/** Every method from the command line: trained, used by every command that reads an adapter, trained further. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { methodTitle } from "../../src/cli/commands/train/method.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { methods } from "../../src/methods/mod.ts";
import { type MethodKind, methodKinds } from "../../src/runs/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import "../support/open_lapack.ts";
import { writeRoberta } from "../support/small_roberta.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import { writeBabbler } from "./babbler.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const kinds = methodKinds.filter((kind) => kind !== "full");

/** Trains for three steps on a file that is held out too; the adapter is asked for the loss that training found. */
async function trainAndMeasure(base: string, data: string, output: string, ...more: string[]) {
  const texts = ["--model", base, "--data", data], rate = ["--learning-rate", "5e-3"];
  const steps = ["--validation", data, "--steps", "3", "--validate-every", "3"];
  const made = await lowrankJson("train", ...texts, ...steps, ...rate, ...more, "--output", output);
  assertEquals(made.steps, 3);
  const { before, best } = made.heldOut;
  assert(best < before, `${best} < ${before}`);
  const measured = await lowrankJson("evaluate", ...texts, "--adapter", output);
  assertAlmostEquals(measured.loss, best, 1e-6);
  return made;
}

const prompts = ["cat", "dog", "log"].map((name) => ({
  prompt: `the ${name}`,
  completion: " sat",
}));

const jsonLines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join("\n");

/** A small model in a folder, and texts to train it on. */
async function smallTexts(folder: string): Promise<[base: string, data: string]> {
  const base = `${folder}/base`, data = `${folder}/mine.jsonl`;
  await writeBabbler(base);
  await Deno.writeTextFile(data, jsonLines(prompts));
  return [base, data];
}

/** A command on an adapter. */
interface Reading {
  readonly args: (adapter: string, base: string, output: string) => readonly string[];
  /** The methods for which it works; all if absent. */
  readonly takes?: readonly MethodKind[];
  /** Error sentence for the other kinds. */
  readonly sentence?: (kind: MethodKind, adapter: string) => string;
}

const lowRank: readonly MethodKind[] = ["lora", "vera"];

/** PEFT's name where it has one. */
const typeOf = (kind: MethodKind): string => methods[kind].peftType ?? kind;

/** Methods whose change of the weights `extract` finds once it is merged. */
const extracted: readonly MethodKind[] = ["ia3", "tinylora", "subspace"];

const noUpdates = (action: string) => (kind: MethodKind, adapter: string) =>
  `${action} needs LoRA or VeRA, found "${typeOf(kind)}" in ${adapter}` +
  (extracted.includes(kind)
    ? ": lowrank merge writes a model with it, and lowrank extract the LoRA that is closest to the change\n"
    : "\n");

const withoutBase = (action: string) => (kind: MethodKind, adapter: string) =>
  kind === "vera"
    ? `${action} needs --base for "vera" in ${adapter}, as its file does not say how many inputs a layer has, ` +
      "found none\n"
    : noUpdates(action)(kind, adapter);

const loraAlone = (action: string) => (kind: MethodKind, adapter: string) =>
  `${action} needs LoRA, found "${typeOf(kind)}" in ${adapter}` +
  (kind === "vera" ? ": lowrank convert --base writes it as LoRA\n" : "\n");

const commands: Readonly<Record<string, Reading>> = {
  "inspect": {
    args: (adapter) => ["inspect", adapter],
    ...{ takes: ["lora"], sentence: withoutBase("inspect") },
  },
  "inspect --base": {
    args: (adapter, base) => ["inspect", adapter, "--base", base],
    ...{ takes: lowRank, sentence: noUpdates("inspect") },
  },
  "compare": {
    args: (adapter) => ["compare", adapter, adapter],
    ...{ takes: ["lora"], sentence: loraAlone("compare") },
  },
  "resize": {
    args: (adapter, _, output) => ["resize", adapter, "--rank", "1", "--output", output],
    ...{ takes: ["lora"], sentence: loraAlone("resize") },
  },
  "combine": {
    args: (adapter, _, output) => ["combine", adapter, `${adapter}:-0.5`, "--output", output],
    ...{ takes: ["lora"], sentence: loraAlone("combine") },
  },
  "convert": {
    args: (adapter, _, output) => ["convert", adapter, "--output", output],
    ...{ takes: ["lora"], sentence: withoutBase("convert") },
  },
  "convert --base": {
    args: (
      adapter,
      base,
      output,
    ) => ["convert", adapter, "--base", base, "--to", "kohya", "--output", output],
    ...{ takes: lowRank, sentence: noUpdates("convert") },
  },
  "merge": {
    args: (
      adapter,
      base,
      output,
    ) => ["merge", "--model", base, "--adapter", adapter, "--output", output],
    takes: [...lowRank, "ia3", "tinylora", "subspace", "bitfit", "top-layers"],
    sentence: (kind, adapter) =>
      `merging needs an adapter that changes weights, found "${typeOf(kind)}" in ${adapter}\n`,
  },
  "generate": {
    args: (adapter, base) => [
      ...["generate", "--model", base, "--adapter", adapter],
      ...["--prompt", "the cat", "--max-new-tokens", "1"],
    ],
  },
};

/** Calls every command on an adapter. */
async function callAll(kind: MethodKind, adapter: string, base: string, folder: string) {
  for (const [name, { args, takes = kinds, sentence }] of Object.entries(commands)) {
    const output = `${folder}/${name.replace(" ", "")}`, command = args(adapter, base, output);
    if (takes.includes(kind)) {
      const { code, stderr } = await lowrank(...command, "--quiet");
      assertEquals([code, stderr], [0, ""], name);
    } else {
      await assertFails(command, sentence!(kind, adapter));
      assertEquals(filesIn(folder).includes(output.slice(folder.length + 1)), false);
    }
  }
  const cases = { one: { input_ids: [[1, 2, 3]], labels: [[1, 2, 3]] } };
  const given = ["--input", await writeJson(`${folder}/g.json`, { cases }), "--case", "one"];
  const written = ["--adapter", adapter, "--output", `${folder}/out.safetensors`];
  for (
    const command of [
      [...await logitsArgs(folder, [[1, 2, 3]], base), "--adapter", adapter],
      ["gradients", "--model", base, ...given, ...written],
    ]
  ) assertEquals((await lowrank(...command, "--quiet")).stderr, "");
}

for (const kind of kinds) {
  Deno.test(`${kind}: its adapter is trained, further too, and every command takes it or says why not`, () =>
    withFolder(async (folder) => {
      const [base, data] = await smallTexts(folder);
      const method = ["--method", kind, ...kind === "top-layers" ? ["--layers", "1"] : []];
      const [first, second] = ["first", "second"].map((name) => `${folder}/${name}`);
      const { trainable } = await trainAndMeasure(base, data, first, ...method);
      assert(trainable > 0);
      await trainAndMeasure(base, data, second, "--adapter", first);
      const file = kind === "bottleneck" ? "adapter" : "adapter_model";
      const [one, two] = await Promise.all(
        [first, second].map(async (name) =>
          (await readSafetensors(`${name}/${file}.safetensors`)).tensors
        ),
      );
      assertEquals([...two.keys()], [...one.keys()]);
      assertNotEquals([...two.values()], [...one.values()]);
      await callAll(kind, first, base, folder);
    }));

  Deno.test(`${kind}: a classifier's new head is trained and loaded with it`, () =>
    withFolder(async (folder) => {
      const base = `${folder}/base`, data = `${folder}/kinds.jsonl`;
      await writeRoberta(base, `${folder}/other`);
      const rows = ["man", "men", "moon", "makes"].map((text, i) => ({
        text: `a ${text} music`,
        label: i < 3 ? "noun" : "verb",
      }));
      await Deno.writeTextFile(data, jsonLines(rows));
      await trainAndMeasure(base, data, `${folder}/out`, "--method", kind);
    }));
}

const prefixes = kinds.filter((kind) => kind.includes("prefix"));

for (const kind of prefixes) {
  Deno.test(`${kind}: texts leave room for virtual tokens, new or read, and where there is none it is said alike`, () =>
    withFolder(async (folder) => {
      const [base, data] = await smallTexts(folder), model = ["--model", base];
      await Deno.writeTextFile(
        data,
        jsonLines([
          ...prompts,
          { prompt: "the mat", completion: " sat on the dog and the cat".repeat(2) },
        ]),
      );
      const written = ["--data", data, "--validation", "0", "--steps", "1", "--output"];
      const train = (output: string, ...rest: string[]) =>
        lowrank("train", ...model, ...written, `${folder}/${output}`, ...rest);
      const method = (length: number) => ["--method", kind, "--prefix-length", String(length)];
      for (
        const [output, ...rest] of [
          ["first", ...method(16)],
          ["second", "--adapter", `${folder}/first`],
        ]
      ) {
        const { code, stderr } = await train(output, ...rest);
        assertEquals(code, 0, stderr);
        assertStringIncludes(stderr, "1 text is longer than the model's 16 tokens: left out");
      }
      const name = kind.replace("lora+", "");
      const sentence =
        `${name} needs a length of 1 to 31 virtual tokens, as a sequence of the model has at ` +
        "most 32 in all, found 32\n";
      const out = [...written, `${folder}/out`];
      for (const command of [["count"], ["memory"], ["train", ...out]]) {
        await assertFails([...command, ...model, ...method(32)], sentence);
      }
      const { stdout } = await lowrank("memory", ...model, ...method(28));
      assertStringIncludes(stdout, "; a step: 8 x 4 tokens\n");
    }));
}

Deno.test("an option of another method is refused, and so is what a method cannot do", () =>
  withFolder(async (folder) => {
    const [base, data] = await smallTexts(folder), output = `${folder}/out`;
    const train = (...rest: string[]) => [
      ...["train", "--model", base, "--data", data, "--output", output],
      ...rest,
    ];
    for (
      const [method, option, owner] of [
        ["bitfit", "--rank", "lora"],
        ["lora", "--size", "bottleneck"],
        ["vera", "--prefix-length", "prefix-"],
      ]
    ) {
      await assertFails(
        train("--method", method, option, "4"),
        `the method ${method} takes no ${option}, found ${option} 4, which is of --method ${owner}`,
      );
    }
    const configured = async (method: object, sentence: string) =>
      await assertFails(
        train("--config", await writeJson(`${folder}/c.json`, { method })),
        sentence,
      );
    await configured({ name: "bitfit", rank: 4 }, "method may have name, modulesToSave");
    for (const name of ["lora+prefix-embedding", "lora+prefix-layer"]) {
      for (const init of ["pissa", "olora"]) {
        const rule = `method: init must be kaiming or gaussian or orthonormal, found "${init}"`;
        await configured({ name, init }, rule);
      }
    }
    await assertFails(train("--method", "bitfits"), "bitfits");
    const half = train("--freeze-a", "--lora-plus-ratio", "4");
    await assertFails(half, "needs A and B that are both trained, found --freeze-a: give the rate");
    const ratio = train("--method", "vera", "--lora-plus-ratio", "4");
    await assertFails(ratio, "--lora-plus-ratio needs --method lora, found vera");
    await assertFails(
      ["inspect", "tests/golden/adapterhub/gpt2_drop"],
      'found "bottleneck" of the adapters library in tests/golden/adapterhub/gpt2_drop\n',
    );
    await lowrankJson(...train("--method", "bitfit", "--steps", "1"));
    const merge = ["--model", base, "--adapter", output, "--output", `${folder}/merged`];
    const { stdout } = await lowrank("merge", ...merge);
    assert(stdout.startsWith("took 7 tensors from the adapter\n"), stdout);
  }));

Deno.test("bottlenecks take a variant, a width and layers to leave out", () =>
  withFolder(async (folder) => {
    const drop = ["--method", "bottleneck", "--variant", "drop", "--size", "4"];
    const args = [...await trainArgs(folder, `${folder}/out`), ...drop];
    await assertFails(args, "drop needs the lowest layers in leaveOut");
    await assertFails([...args, "--leave-out", "5"], "leaveOut must list layers");
    const { trainable } = await lowrankJson(...args, "--leave-out", "0");
    assertEquals(trainable, 2 * 4 * 48 + 4 + 48);
  }));

Deno.test("a variant of LoRA has its own name", () => {
  const lora = { kind: "lora", rank: 4, sites: ["q", "v"] } as const;
  const titleOf = (more: object) => methodTitle({ ...lora, ...more });
  assertEquals(titleOf({}), "LoRA of rank 4 on q, v");
  assertEquals(titleOf({ rankStabilized: true }), "rsLoRA of rank 4 on q, v");
  assertEquals(titleOf({ init: "pissa" }), "PiSSA of rank 4 on q, v");
  assertEquals(
    titleOf({ sites: undefined, targetModules: ["c_attn"], dora: true }),
    "DoRA of rank 4 on c_attn",
  );
});
