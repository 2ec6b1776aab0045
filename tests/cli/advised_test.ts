/** Commands that are advised: a shell takes every name in them for a word, whatever characters it has. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { evaluateNext } from "../../src/cli/call.ts";
import { assertModelFolder } from "../../src/cli/model_folder.ts";
import { nextOf } from "../../src/cli/train_account.ts";
import type { TrainOptions } from "../../src/cli/train_options.ts";
import type { TrainRequest } from "../../src/cli/train_request.ts";
import { shellWord } from "../../src/core/quote.ts";
import { pickleConversion } from "../../src/formats/pickle.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { lowrank } from "./lowrank.ts";
import { smallBase } from "./sweeps.ts";

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
    const path = asPath(name), options = { model: name, output: name, data: name };
    const request = { spec: { method: { kind: "lora" } }, example: name };
    const trained = nextOf(options as TrainOptions, request as unknown as TrainRequest);
    const next = [trained, evaluateNext(name, name)].map((text) => text.replace(/^next.*:$/m, ""));
    const found = await wordsOf(next.join("\n"));
    assertEquals(found.map(([, , , , ...words]) => words), [
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
