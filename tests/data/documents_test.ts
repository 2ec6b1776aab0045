import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeDocuments, loadPretrainingText, splitDocuments } from "../../src/data/documents.ts";
import { loadTokenizer } from "../../src/tokenizer/tokenizer.ts";

Deno.test("every 25th document is held out, the 13th first", () => {
  const documents = Array.from({ length: 60 }, (_, at) => ({ name: `${at}`, text: "" }));
  const { train, heldOut } = splitDocuments(documents);
  assertEquals(heldOut.map(({ name }) => name), ["12", "37"]);
  assertEquals(train.length, 58);
});

Deno.test("the pretraining text is the same everywhere and leaks nothing", async () => {
  const { train, heldOut } = await loadPretrainingText();
  const bytes = (texts: { text: string }[]) =>
    texts.reduce((sum, { text }) => sum + new TextEncoder().encode(text).length, 0);
  assertEquals([train.length, heldOut.length], [357, 14]);
  assertEquals([bytes([...train]), bytes([...heldOut])], [11_573_263, 404_428]);
  const seen = train.map(({ text }) => text).join("\n");
  for (const { name, text } of heldOut) {
    const middle = text.slice(text.length / 2, text.length / 2 + 200);
    assert(!seen.includes(middle), `${name} is in the training text`);
  }
});

Deno.test("encoded documents end with the end of text, which counts as a token and no byte", async () => {
  const tokenizer = await loadTokenizer(
    new URL("../../models/tiny-gpt2", import.meta.url).pathname,
  );
  const encoded = encodeDocuments(tokenizer, [{ name: "a", text: "naïve" }, {
    name: "b",
    text: "",
  }]);
  assertEquals(encoded.documents.map((ids) => ids.at(-1)), [1023, 1023]);
  assertEquals(encoded.tokens, encoded.documents[0].length + 1);
  assertEquals(encoded.bytes, 6);
  const endless = { ...tokenizer, endOfText: undefined };
  assertThrows(() => encodeDocuments(endless, []), TypeError, "end-of-text");
});
