/** Our own base with skills in transformers. */

import { assert, assertEquals } from "@std/assert";
import { complete, loadModel, loadTokenizer, openDevice } from "../../mod.ts";
import { encodePrompted } from "../../src/data/mod.ts";
import { heldOutTexts } from "../../scripts/pretrain_skills/score.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const folder = `${rootPath}models/tiny-skills`;

Deno.test({
  name: "transformers answers as we do: the same tokens and texts, for three inputs of each skill",
  ignore: !await pythonHas("torch", "transformers"),
  fn: () =>
    withFolder(async (out) => {
      using device = await openDevice({ kind: "cpu" });
      using model = await loadModel(device, folder);
      const tokenizer = await loadTokenizer(folder), found = [];
      for (const text of heldOutTexts(3).flatMap(({ texts }) => texts)) {
        const { tokens, scoredFrom } = encodePrompted(tokenizer, text), { prompt } = text;
        // The space that answers begin with is no part of what `complete` gives.
        const answer = ` ${await complete(model, tokenizer, prompt)}`;
        found.push({ prompt, ids: Array.from(tokens).slice(0, scoredFrom), answer });
      }
      assert(found.length > 60);
      await Deno.writeTextFile(`${out}/found.json`, JSON.stringify(found));
      const given = ["--model", folder, "--found", `${out}/found.json`];
      const { code, text } = await runPython("scripts/golden/check_skills.py", given);
      assertEquals(code, 0, text);
    }),
});
