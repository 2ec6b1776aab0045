/** Batches and cases are read once, and what does not suit the model is named before anything is computed. */

import { assertEquals } from "@std/assert";
import { readBatchFile } from "../../src/cli/cases.ts";
import { sha256 } from "../../src/storage/digest.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { assertFails, model } from "./lowrank.ts";

Deno.test("batches and their digest come from one reading of the file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/batches.json`, { open } = Deno;
    const bytes = new TextEncoder().encode('{"batches": [[[1, 2, 3]], [[4, 5, 6]]]}');
    await Deno.writeFile(path, bytes);
    let opened = 0;
    Deno.open = (...args) => {
      opened += Number(args[0] === path);
      return open(...args);
    };
    try {
      const { batches, digest } = await readBatchFile(path, {
        positions: 8,
        vocabulary: 8,
        labelKind: "next",
      });
      assertEquals(batches.map(({ inputs }) => [...inputs.tokens.data]), [[1, 2, 3], [4, 5, 6]]);
      assertEquals([digest, opened], [await sha256(bytes), 1]);
    } finally {
      Deno.open = open;
    }
  }));

const good = [[1, 2, 3]];

Deno.test("a batch that does not fit the model is named before the first step", () =>
  withFolder(async (folder) => {
    const args = await trainArgs(folder, `${folder}/out`);
    const check = async (batch: unknown, sentence: string) => {
      const file = await writeJson(`${folder}/b.json`, { batches: [good, good, batch] });
      await assertFails([...args, "--batches", file], `error: batch 2: ${sentence}`);
    };
    const rule = "must be below the vocabulary of 61";
    await check([[1, 2, 3], [4, 5, 61]], `token id 61 at row 1, position 2 ${rule}`);
    await check(
      [new Array(33).fill(1)],
      "a row may have at most 32 tokens, the model's context length, found 33",
    );
    const labeled = (...labels: number[]) => ({ input_ids: good, labels: [labels] });
    await check(labeled(-100, 99, 1), `label 99 at row 0, position 1 ${rule}`);
    await check(labeled(5, -100, -100), "at least one label must count, found none");
    await check([[7]], "at least one label must count, found none");
    const positions = { ...labeled(1, 2, 3), position_ids: [[0, 1, 32]] };
    await check(
      positions,
      "position id 32 at row 0, position 2 must be below the context length of 32",
    );
    assertEquals(filesIn(folder), ["b.json", "c.json"]);
  }));

Deno.test("logits and gradients name the case", () =>
  withFolder(async (folder) => {
    const cases = { one: { input_ids: good }, two: { input_ids: [[1, 61]], labels: [[1, 2]] } };
    const input = await writeJson(`${folder}/in.json`, { cases });
    const rest = ["--model", model, "--input", input, "--output", `${folder}/o.safetensors`];
    const sentence =
      "case two: token id 61 at row 0, position 1 must be below the vocabulary of 61";
    await assertFails(["logits", ...rest], sentence);
    await assertFails(["gradients", ...rest, "--case", "two"], sentence);
    const wrong = { three: { input_ids: [[1, 2]], labels: [[1, 61]] } };
    await writeJson(input, { cases: wrong });
    await assertFails(["gradients", ...rest, "--case", "three"], "case three: label 61 at row 0");
  }));
