/** The note prints, on four pages at most. */

import { assert } from "@std/assert";
import { notePdf } from "../../scripts/site/note.ts";
import { browserPath } from "../../scripts/support/parts.ts";

Deno.test({
  name: "the note is a PDF of at most four pages",
  ignore: browserPath() === undefined,
  fn: async () => {
    const text = new TextDecoder("latin1").decode(await notePdf());
    const pages = text.match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;
    assert(pages >= 2 && pages <= 4, `${pages} pages`);
  },
});
