import { assertEquals } from "@std/assert";
import { readBytes } from "../../src/storage/files.ts";
import { commit, filesOf, type HubServer, withHub } from "../support/hub_server.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

/** Our cache of the hub against that of Python's huggingface_hub: each finds what the other downloaded. */

const repository = filesOf("models/rank-study/qv-r8-seed1"), names = Object.keys(repository);
const ignore = !await pythonHas("huggingface_hub");

/** Asks Python for all files, and checks that it finds them where they belong. */
async function askPython({ cache }: HubServer, mode: "local" | "online"): Promise<void> {
  const args = [mode, "me/adapter", ...names];
  const { code, text } = await runPython("scripts/golden/hub_cache.py", args);
  assertEquals(code, 0, text);
  const folder = `${cache}/models--me--adapter/snapshots/${commit}`;
  const paths = names.map((name) => `${folder}/${name}`);
  assertEquals(JSON.parse(text), { paths, warnings: [] });
}

/** Reads all files by their names on the hub. */
async function readAll(): Promise<void> {
  for (const name of names) {
    assertEquals(await readBytes(`hf:me/adapter/${name}`), repository[name]);
  }
}

const contents = ({ got }: HubServer) => got.filter(({ what }) => what.includes("/resolve/"));

Deno.test({
  name: "Python finds in the cache what we downloaded",
  ignore,
  fn: () =>
    withHub({ "me/adapter": repository }, async (hub) => {
      await readAll();
      await askPython(hub, "local");
    }),
});

Deno.test({
  name: "we find in the cache what Python downloaded, and download nothing",
  ignore,
  fn: () =>
    withHub({ "me/adapter": repository }, async (hub) => {
      await askPython(hub, "online");
      hub.got.length = 0;
      await readAll();
      assertEquals(contents(hub), []);
    }),
});
