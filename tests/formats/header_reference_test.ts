/**
 * Our reader of safetensors headers against the reference's, on thousands of corrupted files. What we read,
 * the reference must read too; we may refuse more, by the rules that are listed here.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { parseHeader } from "../../src/formats/mod.ts";
import { goodFiles, safetensorsFiles } from "../fuzz/tensors.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

/** Our sentences for headers that we refuse and the reference reads, as regular expressions. */
const stricter: readonly RegExp[] = [
  /names must be unique/,
  /must have no field/,
  /numbers must be written in digits alone/,
  /must have a shape, found .*\d{16}/,
  /must have a safe number of bytes/,
];

function ourReason(bytes: Uint8Array): string | undefined {
  try {
    parseHeader(bytes, bytes.length);
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test({
  name: "a corrupted safetensors file that we read is read by the reference as well",
  ignore: !await pythonHas("safetensors"),
  fn: () =>
    withFolder(async (folder) => {
      const files = fc.sample(safetensorsFiles(goodFiles), { numRuns: 8000, seed: 20260103 });
      const path = `${folder}/files.json`;
      await Deno.writeTextFile(path, JSON.stringify(files.map((bytes) => bytes.toBase64())));
      const { code, text } = await runPython("scripts/golden/check_headers.py", [path]);
      assertEquals(code, 0, text);
      const theirs: (string | null)[] = JSON.parse(text);
      const ours = files.map(ourReason);
      const laxer = ours.flatMap((reason, i) =>
        reason === undefined && theirs[i] ? [theirs[i]] : []
      );
      assertEquals(laxer, []);
      const stricterHere = ours.filter((reason, i) => reason !== undefined && theirs[i] === null);
      const unlisted = stricterHere.filter((reason) =>
        !stricter.some((rule) => rule.test(reason!))
      );
      assertEquals(unlisted, []);
      assert(theirs.filter((reason) => reason === null).length > 1000, "most files were refused");
    }),
});
