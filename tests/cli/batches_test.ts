import { assertEquals } from "@std/assert";
import { readBatchFile } from "../../src/cli/batches.ts";
import { sha256 } from "../../src/core/digest.ts";
import { withFolder } from "../support/folders.ts";

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
