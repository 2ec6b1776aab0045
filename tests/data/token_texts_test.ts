/** Folders of tokenizers as transformers reads them: texts, ids, and which token ends a text. */

import { assertEquals } from "@std/assert";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { goldenJson } from "../support/golden.ts";

interface TokenizerFolder {
  readonly tokenizer: string;
  readonly files: Readonly<Record<string, unknown>>;
  readonly endOfText: number | null;
  readonly cases: readonly {
    written: string | null;
    ids: number[];
    text: string;
    skipped: string;
  }[];
}

const { tokenizers, folders } = await goldenJson("token_texts.json") as {
  tokenizers: Record<string, unknown>;
  folders: TokenizerFolder[];
};

const inMemory = (files: Readonly<Record<string, unknown>>) =>
  Object.entries(files).map(([name, content]) => new File([JSON.stringify(content)], name));

for (const { tokenizer: name, files, endOfText, cases } of folders) {
  Deno.test(`${name} with ${JSON.stringify(files)} has transformers' texts and end of text`, async () => {
    const folder = inMemory({ "tokenizer.json": tokenizers[name], ...files });
    const tokenizer = await loadTokenizer(folder);
    assertEquals(tokenizer.endOfText ?? null, endOfText);
    for (const { written, ids, text, skipped } of cases) {
      if (written !== null) assertEquals([...tokenizer.encode(written)], ids);
      assertEquals(tokenizer.decode(ids), text);
      assertEquals(tokenizer.decode(ids, { skipSpecialTokens: true }), skipped);
    }
  });
}

Deno.test("an end of text that no token has is passed over, and one that is no token is none", async () => {
  const endWith = async (...ids: unknown[]) => {
    const config = { eos_token_id: ids };
    const files = { "tokenizer.json": tokenizers.bert, "tokenizer_config.json": {} };
    return (await loadTokenizer(inMemory({ ...files, "config.json": config }))).endOfText;
  };
  assertEquals(await endWith(50256, 3), 3);
  assertEquals(await endWith(50256, -1, 1.5, "3", null), undefined);
});
