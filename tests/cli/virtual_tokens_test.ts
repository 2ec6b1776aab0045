/** Texts leave room for virtual tokens, whether these are new or read from a folder. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { methodKinds } from "../../src/runs/mod.ts";
import { withFolder } from "../support/folders.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const base = "models/tiny-gpt2";

/** Completions of one to six times eight words; the last do not fit behind 30 virtual tokens. */
const texts = Array.from({ length: 12 }, (_, i) => {
  const completion = "the alarm rings again at six in May ".repeat(1 + i % 6).trim();
  return JSON.stringify({ prompt: `alarm ${i}`, completion }) + "\n";
}).join("");

for (const method of methodKinds.filter((kind) => kind.includes("prefix"))) {
  Deno.test(`train --method ${method}: texts that do not fit beside virtual tokens are left out`, () =>
    withFolder(async (folder) => {
      const data = `${folder}/texts.jsonl`;
      await Deno.writeTextFile(data, texts);
      const paths = ["--model", base, "--data", data, "--validation", "0"];
      const train = (
        output: string,
        ...rest: string[]
      ) => ["train", ...paths, "--steps", "1", ...rest, "--output", `${folder}/${output}`];
      const first = train("first", "--method", method, "--prefix-length", "30");
      const { code, stderr } = await lowrank(...first);
      assertEquals(code, 0, stderr);
      assertStringIncludes(stderr, "texts are longer than the model's 34 tokens: left out");
      const { steps } = await lowrankJson(...train("second", "--adapter", `${folder}/first`));
      assertEquals(steps, 1);
    }));
}

for (const method of methodKinds.filter((kind) => kind.includes("prefix"))) {
  Deno.test(`${method}: virtual tokens that leave no room are refused alike wherever they are asked for`, () =>
    withFolder(async (folder) => {
      const given = ["--model", base, "--method", method, "--prefix-length", "64"];
      const written = ["--data", "examples/alarms.jsonl", "--output", `${folder}/out`];
      const kind = method.replace("lora+", "");
      const sentence =
        `${kind} needs a length of 1 to 63 virtual tokens, as a sequence of the model has at ` +
        "most 64 in all, found 64\n";
      await assertFails(["count", ...given], sentence);
      await assertFails(["memory", ...given], sentence);
      await assertFails(["train", ...given, ...written], sentence);
      const fits = ["--model", base, "--method", method, "--prefix-length", "60"];
      const { stdout } = await lowrank("memory", ...fits);
      assertStringIncludes(stdout, "; a step: 8 x 4 tokens\n");
    }));
}
