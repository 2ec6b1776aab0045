/** Sliders in a real kernel, asked as a page asks, and by clients that misbehave. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { sliderHtml, tracksOf } from "../../src/notebook/slider.ts";
import { Cells } from "./cells.ts";

const cell = `await slider(
  { rank: [1, 2, 4], alpha: { from: 0, to: 1, step: 0.1, value: 0.3, unit: "nats" } },
  ({ rank, alpha }) => {
    if (rank === 4) throw new Error("rank 4 is too much");
    return [\`rank \${rank}, α \${alpha}\`, { id: "s", title: "s", caption: "c", data: [{ y: [rank] }], layout: {} }];
  },
);`;

/** The address that a slider's page asks. */
async function addressIn(cells: Cells): Promise<string> {
  return /data-slider="([^"]+)"/.exec(String((await cells.bundle(cell))["text/html"]))![1];
}

async function ask(address: string, query: string) {
  const response = await fetch(`${address}?${query}`);
  assertEquals(response.headers.get("access-control-allow-origin"), "*");
  assertEquals(response.headers.get("content-security-policy"), "default-src 'none'; sandbox");
  return await response.json();
}

Deno.test("a slider shows its first output and answers on this machine only", async (t) => {
  await using cells = await Cells.start();
  const bundle = await cells.bundle(cell), html = String(bundle["text/html"]);

  await t.step("the first picture stands in the output, with readable controls", () => {
    assertMatch(String(bundle["text/plain"]), /^rank 1, alpha 0\.3 nats\nrank 1, α 0\.3/);
    assertMatch(html, /<img alt="s"/);
    assertMatch(html, /<label[^]*alpha[^]*type="range" min="0" max="10"[^]*value="3"[^]*0\.3 nats/);
    assertMatch(html, /data-slider="http:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]{36}"/);
  });

  await t.step("a page with plotly gets specifications, one without gets pictures", async () => {
    const address = await addressIn(cells);
    const { parts: [text, live] } = await ask(address, "at=1,7&live=1");
    assertMatch(text.html, /rank 2, α 0\.7</);
    assertEquals(live.figure.data, [{ y: [2] }]);
    const { parts: [, still] } = await ask(address, "at=1,7");
    assertMatch(still.html, /<img alt="s"/);
    assertEquals(still.figure, undefined);
  });

  await t.step("an error is one sentence", async () => {
    const answer = await ask(await addressIn(cells), "at=2,0&live=1");
    assertEquals(answer, { error: "rank 4 is too much" });
    const { error } = await ask(await addressIn(cells), "at=3,0");
    assertEquals(error, "rank needs a position below 3, found 3");
    const none = await ask(await addressIn(cells), "live=1");
    assertEquals(none.error, "rank needs a position below 3, found ");
  });

  await t.step(
    "running the cell again silences its old address, other paths say nothing",
    async () => {
      const old = await addressIn(cells), address = await addressIn(cells);
      const status = async (url: string) => {
        const response = await fetch(url);
        await response.body?.cancel();
        return response.status;
      };
      assertEquals(await Promise.all([old, address, new URL("/", address).href].map(status)), [
        404,
        204,
        404,
      ]);
    },
  );

  await t.step("no two draw at once, the first picture of a new one neither", async () => {
    await cells.run(`let at = 0;
const busy = async () => {
  at++;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return \`\${at--} at once\`;
};`);
    const html = (await cells.bundle("await slider({ a: [1, 2] }, busy);"))["text/html"];
    const address = /data-slider="([^"]+)"/.exec(String(html))![1];
    const [answer, text] = await Promise.all([
      ask(address, "at=1"),
      cells.text("await slider({ b: [1, 2] }, busy);"),
    ]);
    assertMatch(answer.parts[0].html, /1 at once/);
    assertMatch(text, /1 at once/);
  });

  await t.step("with the kernel its address goes", async () => {
    const address = await addressIn(cells);
    await cells.kernel[Symbol.asyncDispose]();
    await assertRejects(() => fetch(address), TypeError);
  });
});

Deno.test("a control is a list of values with a starting position", () => {
  const [rank, share] = tracksOf({
    rank: { values: [1, 8, 10000], value: 8, label: "rank r", unit: "values" },
    share: { from: 0, to: 0.3, step: 0.1 },
  });
  assertEquals(rank.texts, ["1 value", "8 values", "10,000 values"]);
  assertEquals([rank.label, rank.start], ["rank r", 1]);
  const ones = ["steps", "ms", "loss", "nats", "×", "%"].map((unit) =>
    tracksOf({ a: { values: [1], unit } })[0].texts[0]
  );
  assertEquals(ones, ["1 step", "1 ms", "1 loss", "1 nat", "1×", "1%"]);
  assertEquals(share.values, [0, 0.1, 0.2, 0.3]);
});

Deno.test("numbers are a slider, everything else is a list, and both are disabled until a script runs", () => {
  const tracks = tracksOf({
    rank: [1, 2],
    model: { values: ["gpt2", "a<b"], value: "a<b" },
    on: [true],
  });
  assertEquals(tracks.map(({ isRange }) => isRange), [true, false, false]);
  const controls = sliderHtml(tracks, [], "").match(/<(?:input|select) .*?<\/label>/g)!;
  assertMatch(controls[0], /^<input data-control disabled type="range" .*aria-valuetext="1"/);
  assertMatch(
    controls[1],
    /^<select data-control disabled .*<option>gpt2<.*<option selected>a&lt;b</,
  );
});

Deno.test("controls without values are refused", () => {
  assertThrows(() => tracksOf({}), RangeError, "at least one control, found none");
  assertThrows(() => tracksOf({ a: [] }), RangeError, "a needs values, found none");
  for (const [from, to, step] of [[1, 0, 1], [0, 1, 0], [0, 1, -1], [0, 1, NaN], [0, 1e9, 1]]) {
    const found = `found ${from} to ${to} by ${step}`;
    assertThrows(() => tracksOf({ a: { from, to, step } }), RangeError, found);
  }
  const elsewhere = { from: 0, to: 4, step: 2, value: 3 };
  assertThrows(() => tracksOf({ a: elsewhere }), RangeError, "start at one of its values, found 3");
  assert(tracksOf({ a: { ...elsewhere, value: 4 } })[0].start === 2);
});

Deno.test("broken requests are refused in silence, and only awaited questions are drawn", async () => {
  const program = new URL("slider_clients.ts", import.meta.url).href;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", program],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
    ofHosts: [400, 400, 400, 400, 400],
    elsewhere: 403,
    target: 400,
    post: 405,
    preflight: 204,
    unasked: 0,
    abandoned: 1, // the one that was being drawn when its client left
    first: { at: "3" },
    second: { error: "the cell of this slider was run again" },
  });
});
