/** Formulas in the text of the site's pages. */

import { assertEquals } from "@std/assert";
import { renderWithFormulas } from "../../scripts/site/formulas.ts";

const htmlOf = (text: string): string =>
  renderWithFormulas("docs/notation.md", text, (tex) => `<img alt="${tex}">`).html.trim();

Deno.test("a formula in a line keeps the signs that touch it, and no more", () => {
  assertEquals(htmlOf("What of $a$?"), '<p>What of <span class="held"><img alt="a">?</span></p>');
  assertEquals(
    htmlOf("The first ($b$), *$c$*"),
    '<p>The first <span class="held">(<img alt="b">),</span> <em><img alt="c"></em></p>',
  );
  assertEquals(
    htmlOf("$d$-$e$ and $f$ too"),
    '<p><span class="held"><img alt="d">-</span><img alt="e"> and <img alt="f"> too</p>',
  );
  assertEquals(htmlOf("`$g$?`"), "<p><code>$g$?</code></p>");
  assertEquals(
    htmlOf("$$h$$."),
    '<p><span class="formula"><img alt="h"></span>.</p>',
  );
});
