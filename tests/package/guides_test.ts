/** Code that a guide quotes stands in the file that it names. */

import { assert, assertEquals } from "@std/assert";
import { sourceText } from "../../scripts/support/source_files.ts";

/** Guides whose code is all quoted, with how many blocks each has; the file of a block is the last that is named before it. */
const guides: Readonly<Record<string, number>> = { "docs/adding_a_model.md": 6 };

/** Lines without what indents them. */
const flush = (text: string) => text.trim().replaceAll(/^ +/gm, "");

/** The blocks of TypeScript in a guide, each with the file that it is said to be in. */
function quotesIn(guide: string): { file: string; code: string }[] {
  return Array.from(guide.matchAll(/```ts ignore\n([\s\S]*?)```/g), ({ index, 1: code }) => {
    const named = guide.slice(0, index).match(/(?<=`)src\/[\w/]+\.ts(?=`)/g);
    return { file: named!.at(-1)!, code: flush(code) };
  });
}

for (const [guide, blocks] of Object.entries(guides)) {
  Deno.test(`${guide} quotes what is in its files`, () => {
    const quotes = quotesIn(sourceText(guide));
    assertEquals(quotes.length, blocks);
    for (const { file, code } of quotes) {
      assert(flush(sourceText(file)).includes(code), `${guide}: not in ${file}\n${code}`);
    }
  });
}
