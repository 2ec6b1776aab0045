/** Names that attack a terminal or a shell: shown in one plain line, advised as one word. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { evaluateNext } from "../../src/cli/options.ts";
import { assertModelFolder } from "../../src/cli/common.ts";
import { nextOf } from "../../src/cli/commands/train/command.ts";
import type { TrainOptions } from "../../src/cli/commands/train/options.ts";
import type { TrainRequest } from "../../src/cli/commands/train/request.ts";
import { shellWord, terminalText } from "../../src/core/errors.ts";
import { pickleConversion } from "../../src/formats/safetensors/shards.ts";
import { goodConfig, matrix, writeRawAdapter } from "../formats/adapter_folders.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { assertFailed, lowrank, lowrankJson } from "./lowrank.ts";
import { smallBase } from "./sweeps.ts";

/** Clears the screen, retitles the window, turns the rest around, and begins a line. */
const evil = "h.0.\x1b[2J\x1b]0;t\x07\x9b31m\u202e\u2066\x85ok\tc_attn";

const shown = "h.0.\\u{1b}[2J\\u{1b}]0;t\\u{7}\\u{9b}31m\\u{202e}\\u{2066}\\u{85}ok\\u{9}c_attn";

const names = [evil, "h.1.mlp.c_fc"];

/** Writes an adapter with a module of that name beside an honest one. */
async function hostileAdapter(folder: string): Promise<void> {
  const config = { ...goodConfig, target_modules: names };
  const tensors = Object.fromEntries(names.flatMap((name) => [
    [`base_model.model.${name}.lora_A.weight`, matrix(2, 3)],
    [`base_model.model.${name}.lora_B.weight`, matrix(4, 2)],
  ]));
  await writeRawAdapter(folder, config, tensors);
}

/** Fails if a terminal would do anything but write the text. */
function assertPlain(text: string): void {
  assertEquals(text, terminalText(text));
  assert(!text.includes("\t"), text);
}

Deno.test("inspect and compare show hostile names of modules in their column, escaped", () =>
  withFolder(async (folder) => {
    await hostileAdapter(folder);
    for (const args of [["inspect", folder], ["compare", folder, folder]]) {
      const { code, stdout, stderr } = await lowrank(...args);
      assertEquals(code, 0, stderr);
      assertPlain(stdout + stderr);
      // The parts that all names begin with are said elsewhere.
      const width = shown.length, rows = [shown, names[1]].map((name) => name.slice(2));
      assertStringIncludes(stdout, "names begin with h.\n");
      const lines = stdout.split("\n"), first = lines.findIndex((line) => line.startsWith(rows[0]));
      const column = lines.slice(first - 1, first + 2).map((line) =>
        line.slice(0, width).trimEnd()
      );
      assertEquals(column, [args[0] === "inspect" ? "site" : "module", ...rows]);
      const { modules } = await lowrankJson(...args);
      // deno-lint-ignore no-explicit-any -- rows of two commands
      assertEquals(modules.map(({ name }: any) => name), names);
    }
    const { stdout } = await lowrank("inspect", folder, "--json");
    assertPlain(stdout);
  }));

Deno.test("errors show hostile names of modules, fields and files in one plain line", () =>
  withFolder(async (folder) => {
    await hostileAdapter(folder);
    const config = `${folder}/adapter_config.json`;
    const fails = async (args: string[], sentence: string) => {
      const outcome = await lowrank(...args);
      assertFailed(outcome, sentence);
      assertPlain(outcome.stderr);
    };
    await Deno.writeTextFile(config, JSON.stringify({ ...goodConfig, target_modules: ["x"] }));
    await fails(["inspect", folder], 'every module that has weights, found "h.0.\\u001b[2J');
    await Deno.writeTextFile(config, JSON.stringify({ ...goodConfig, ["\x9b2J\u202e"]: 1 }));
    await fails(["inspect", folder], "\\u{9b}2J\\u{202e} must be null, false or empty");
    const patterns = { ...goodConfig, target_modules: "(\u202e" };
    await Deno.writeTextFile(config, JSON.stringify(patterns));
    await fails(["inspect", folder], 'must close every group that it opens, found "(\\u{202e}"');
    await fails(["inspect", `${folder}/\x1b]0;t\x07`], "\\u{1b}]0;t\\u{7}");
    await fails(["count", `${folder}/\u202egpt2`], "\\u{202e}gpt2");
  }));

Deno.test("count shows what a hostile configuration names, escaped", () =>
  withFolder(async (folder) => {
    const config = { model_type: "\x9b2Jgpt2\u2067", n_layer: 1 };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    const outcome = await lowrank("count", folder);
    assertFailed(outcome);
    assertPlain(outcome.stderr);
    assertStringIncludes(outcome.stderr, "\\u{9b}2Jgpt2\\u{2067}");
  }));

const hostile = [
  "a';touch pwned;'.bin",
  'a";touch pwned;".bin',
  "$(touch pwned)",
  "`touch pwned`",
  "a;touch pwned&",
  "\\';touch pwned #",
  "a\ntouch pwned\n",
  "-rf",
  "~",
  "*",
  "=ls",
  "a b",
];

const posix = { ignore: Deno.build.os === "windows" };

/** The words that a shell gives to each program of a script; nothing else may have been started. */
async function wordsOf(script: string): Promise<string[][]> {
  const found: string[][] = [];
  await withFolder(async (cwd) => {
    const show =
      `show() { printf '%s\\0' "$#" "$@"; }; npx() { show "$@"; }; python() { show "$@"; }`;
    const args = ["-c", `${show}\n${script}`], decoder = new TextDecoder();
    const { stdout, stderr } = await new Deno.Command("sh", { args, cwd }).output();
    assertEquals([decoder.decode(stderr), filesIn(cwd)], ["", []], script);
    const words = decoder.decode(stdout).split("\0").slice(0, -1);
    while (words.length > 0) found.push(words.splice(0, Number(words.shift())));
  });
  return found;
}

/** As a path must be written to be none of our options. */
const asPath = (name: string): string => name.startsWith("-") ? `./${name}` : name;

Deno.test("a shell takes any name for one word", posix, async () => {
  const plain = ["models/tiny-gpt2", "hf:me/tiny@v1"], names = [...hostile, "", ...plain];
  assertEquals(await wordsOf(`python ${names.map(shellWord).join(" ")}`), [names]);
  assertEquals(plain.map(shellWord), plain);
});

Deno.test(
  "the command that converts a pickle has its name as a text of Python",
  posix,
  async () => {
    for (const name of hostile) {
      const command = pickleConversion(name, `${name}.safetensors`);
      const [[option, code], ...more] = await wordsOf(command);
      assertEquals([option, more, command.includes("\n")], ["-c", [], false]);
      const names = /torch\.load\((".*"), map_location.*\}, (".*"), \{"format"/.exec(code)!.slice(
        1,
      );
      assertEquals(names.map((text) => JSON.parse(text)), [name, `${name}.safetensors`]);
    }
  },
);

Deno.test(
  "the sentence about a pickle in a folder starts nothing but Python",
  posix,
  () =>
    withFolder(async (folder) => {
      const [name] = hostile;
      await Deno.writeTextFile(`${folder}/${name}`, "");
      for (const path of [folder, `${folder}/${name}`]) {
        const { stderr } = await lowrank("convert", path, "--output", `${folder}/out`);
        const [words, ...more] = await wordsOf(stderr.slice(stderr.indexOf("python -c")));
        assertEquals([words.length, words[0], more], [2, "-c", []]);
        assertStringIncludes(words[1], `torch.load(${JSON.stringify(name)}, `);
      }
    }),
);

Deno.test("the next commands name what they are about, whatever it is called", posix, async () => {
  for (const name of hostile) {
    const path = asPath(name), options = { model: name, output: name };
    const request = { spec: { method: { kind: "lora" } }, example: name };
    const trained = nextOf(options as TrainOptions, request as unknown as TrainRequest);
    const next = [trained, evaluateNext(name, name)].map((text) => text.replace(/^next.*:$/m, ""));
    const found = await wordsOf(next.join("\n"));
    assertEquals(found.map(([, , , , ...words]) => words), [
      ["evaluate", "--model", path, "--adapter", path, "--data", "FILE"],
      ["generate", "--model", path, "--adapter", path, "--prompt", name],
      ["inspect", path, "--base", path],
      ["evaluate", "--model", path, "--adapter", path, "--data", "FILE"],
    ]);
  }
});

Deno.test(
  "options that are advised in the place of an adapter as a model start nothing",
  posix,
  () =>
    withFolder(async (folder) => {
      for (const name of hostile.filter((name) => !name.includes("\n"))) {
        const adapter = `${folder}/${name}`, config = { base_model_name_or_path: name };
        await Deno.mkdir(adapter);
        await Deno.writeTextFile(`${adapter}/adapter_config.json`, JSON.stringify(config));
        const { message } = await assertModelFolder(adapter).then(() => Error(), (error) => error);
        const found = await wordsOf(`npx ${message.split(": give ")[1]}`);
        assertEquals(found, [["--model", asPath(name), "--adapter", adapter]]);
      }
    }),
);

Deno.test(
  "options that are advised to train further start nothing",
  posix,
  () =>
    withFolder(async (folder) => {
      const { model, data } = await smallBase(folder), output = `${folder}/${hostile[0]}`;
      const given = ["--model", model, "--data", data, "--method", "lora", "--output", output];
      const train = (steps: string) => lowrank("train", ...given, "--steps", steps);
      await train("1");
      const { stderr } = await train("2");
      const [, advised] = /give (--adapter .*) and another --output/.exec(stderr)!;
      assertEquals(await wordsOf(`npx ${advised}`), [["--adapter", output]]);
    }),
);
