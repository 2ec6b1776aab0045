/** Predictions in a real browser, without a kernel. */

import { assertEquals } from "@std/assert";
import { questionHtml, resultHtml, saveHtml } from "../../src/notebook/predict.ts";
import { inPage } from "../figures/in_page.ts";
import { Browser, type Page } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";

const values = { label: "a prediction", texts: ["4", "6", "7"], start: 0 };
const listed = "How many are free?", ranged = "How many times?";

const parts = [
  questionHtml(listed, { ...values, isRange: false }),
  resultHtml(listed, { measured: "6", best: "6" }, ["<p>because</p>"]),
  questionHtml(ranged, { ...values, isRange: true }),
  resultHtml(ranged, { measured: "6.5", best: "7" }, []),
];

/** Text of the page: both answers, and each result's line to unfold, its state and its words. */
function said(page: Page): Promise<unknown> {
  return page.evaluate(`[
    ...[...document.querySelectorAll("[role=status]")].map(({ textContent }) => textContent),
    ...[...document.querySelectorAll("details")].flatMap((details) => [
      details.querySelector("summary").textContent, details.open,
      details.querySelector("[data-said]").textContent,
    ]),
  ]`);
}

const open = "You have not predicted this yet. Show the result";
const beside = "The result, beside your prediction";

/** As when their cells are run again. A reload would do, but Chromium may lose what was stored just before. */
const drawnAgain = `document.body.replaceChildren(
  document.createRange().createContextualFragment(${JSON.stringify(parts.join("\n"))}))`;

Deno.test({
  name: "a page keeps what a reader predicts and shows it beside the result",
  ignore: browserPath() === undefined,
  fn: () =>
    inPage(parts, async (page) => {
      const hidden = [open, false, "Measured: 6", open, false, "Measured: 6.5"];
      assertEquals(await said(page), ["Choose one.", "Move the slider.", ...hidden]);
      await page.evaluate(`document.querySelector("[value='7']").click()`);
      const first = [beside, false, "You said 7; measured: 6"];
      const answered = ["You said 7.", "Move the slider.", ...first, ...hidden.slice(3)];
      assertEquals(await said(page), answered);
      await page.evaluate(`document.querySelector("[type=range]").click()`);
      await page.evaluate(`document.querySelector("[value='6']").click()`);
      const both = (isOpen: boolean) => [
        ...["You said 6.", "You said 4."],
        ...[beside, isOpen, "You said 6; measured: 6 ✓"],
        ...[beside, isOpen, "You said 4; measured: 6.5"],
      ];
      assertEquals(await said(page), both(false));
      await page.evaluate(drawnAgain);
      assertEquals(await said(page), both(true));
      const restored = `[document.querySelector(":checked").value,
        document.querySelector("[type=range]").nextElementSibling.textContent]`;
      assertEquals(await page.evaluate(restored), ["6", "4"]);
      await page.evaluate(`{ const range = document.querySelector("[type=range]");
        range.value = "2"; range.dispatchEvent(new Event("input", { bubbles: true })); }`);
      assertEquals((await said(page) as string[]).at(-1), "You said 7; measured: 6.5 ✓");
    }),
});

Deno.test({
  name: "the arrow keys answer, and nothing around the page hears of them",
  ignore: browserPath() === undefined,
  fn: () =>
    inPage(parts, async (page) => {
      await page.evaluate(`heard = 0; addEventListener("keydown", () => heard++)`);
      for (const selector of ["[type=radio]", "[type=range]"]) {
        await page.evaluate(`document.querySelector("${selector}").focus()`);
        for (const type of ["rawKeyDown", "keyUp"]) {
          const key = { key: "ArrowRight", code: "ArrowRight", windowsVirtualKeyCode: 39 };
          await page.send("Input.dispatchKeyEvent", { type, ...key });
        }
      }
      const answers = ((await said(page)) as string[]).slice(0, 2);
      assertEquals(answers, ["You said 6.", "You said 6."]);
      assertEquals(await page.evaluate("heard"), 0);
    }),
});

Deno.test({
  name: "the answers are saved as CSV, with what was measured where its cell has run",
  ignore: browserPath() === undefined,
  fn: () =>
    inPage([...parts.slice(0, 3), saveHtml()], async (page) => {
      await page.evaluate(`{ saved = []; HTMLAnchorElement.prototype.click = function () {
        saved.push(this.download, decodeURIComponent(this.href.split(",").slice(1).join(",")));
      }; }`);
      const press = `document.querySelector("button").click(), saved.splice(0)`;
      const heading = "question,predicted,measured,right\r\n";
      assertEquals(await page.evaluate(press), ["predictions.csv", heading]);
      await page.evaluate(`document.querySelector("[value='7']").click()`);
      await page.evaluate(`document.querySelector("[type=range]").click()`);
      const lines = ['"How many are free?","7","6","no"', '"How many times?","4","",""'];
      const [, text] = await page.evaluate<string[]>(press);
      assertEquals(text.replace(heading, "").trim().split("\r\n").sort(), lines);
      await page.evaluate(`document.querySelector("[value='6']").click()`);
      const [, now] = await page.evaluate<string[]>(press);
      assertEquals(now.includes('"6","6","yes"'), true, now);
    }),
});

Deno.test({
  name: "where no script runs, every answer can be read and the result unfolded",
  ignore: browserPath() === undefined,
  fn: () =>
    inPage(parts.map((part) => part.replace(/<script>[^]*<\/script>/, "")), async (page) => {
      await page.evaluate(`document.querySelector("summary").click()`);
      const text = await page.evaluate<string>("document.body.innerText");
      const lines = text.split("\n").map((line) => line.trim());
      for (const words of ["4", "6", "7", "Measured: 6", "because", "Show the result"]) {
        assertEquals(lines.includes(words), true, `${words} in ${text}`);
      }
      assertEquals(await page.evaluate(`document.querySelectorAll("input:enabled").length`), 0);
    }),
});

Deno.test({
  name: "a page without an origin, which has no storage, keeps an answer as long as it is open",
  ignore: browserPath() === undefined,
  fn: async () => {
    await using browser = await Browser.start();
    const html = `<!doctype html><meta charset="utf-8">${parts.join("\n")}`;
    await using page = await browser.open(`data:text/html,${encodeURIComponent(html)}`);
    await page.evaluate(`document.querySelector("[value='6']").click()`);
    const result = `document.querySelector("[data-said]").textContent`;
    assertEquals(await page.evaluate(result), "You said 6; measured: 6 ✓");
    assertEquals(page.errors, []);
  },
});
