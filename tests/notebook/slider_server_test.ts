/** The sliders' server and clients that misbehave. */

import { assertEquals } from "@std/assert";

Deno.test("broken requests are refused in silence, and only awaited questions are drawn", async () => {
  const program = new URL("slider_clients.ts", import.meta.url).href;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", program],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
    ofHosts: [400, 400, 400, 400, 400],
    target: 400,
    post: 405,
    preflight: 204,
    unasked: 0,
    abandoned: 1, // the one that was being drawn when its client left
    first: { at: "3" },
    second: { error: "the cell of this slider was run again" },
  });
});
