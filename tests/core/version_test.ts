import { assertEquals } from "@std/assert";
import { version } from "../../src/core/version.ts";
import { sourceText } from "../support/source_files.ts";

Deno.test("deno.json says the version, and what repeats it agrees", () => {
  const said = JSON.parse(sourceText("deno.json")).version;
  assertEquals(version, said);
  assertEquals(/^version: (.*)$/m.exec(sourceText("CITATION.cff"))?.[1], said);
});
