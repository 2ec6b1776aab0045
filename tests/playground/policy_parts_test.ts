/** The Content-Security-Policy of the playground, in a real browser. */

import { assertEquals } from "@std/assert";
import { buildPlayground } from "../../scripts/playground.ts";
import { Browser } from "../support/browser.ts";
import { withFolder } from "../support/folders.ts";
import { browserPath } from "../support/parts.ts";
import { assertIntrudersDoNothing, intrudersFrom, listen } from "../support/policy.ts";
import { textFile, withServer } from "../support/range_server.ts";

Deno.test({
  name: "the playground runs its own script, and nothing that got into it despite the escaping",
  ignore: browserPath() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      await buildPlayground(folder);
      const path = `${folder}/index.html`, html = await Deno.readTextFile(path);
      const files = { "/a.js": textFile("injected.push('file')"), "/a.png": textFile("") };
      await withServer(files, async (server, { requests }) => {
        await Deno.writeTextFile(
          path,
          html.replace("<main>", () => `<main>${intrudersFrom(server)}`),
        );
        await using browser = await Browser.start();
        await using page = await browser.open("about:blank");
        await page.send("Page.addScriptToEvaluateOnNewDocument", { source: listen });
        await page.goTo(`file://${path}`);
        const said = `document.getElementById("computed-by").textContent`;
        await page.until(`${said}.startsWith("cpu")`, 20_000, "the kernels");
        await assertIntrudersDoNothing(page, server);
        assertEquals(requests, []);
        assertEquals(page.errors, []);
      });
    }),
});
