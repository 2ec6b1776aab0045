import { assertEquals } from "@std/assert";
import { version } from "../../src/core/version.ts";
import { sourceText } from "../support/source_files.ts";

Deno.test("the version is the package's", () => {
  assertEquals(version, JSON.parse(sourceText("deno.json")).version);
});
