/** `pull`, and the commands that take `hf:OWNER/NAME` in place of a folder. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { injectLora, loadAdapter, loadModel, openDevice } from "../../mod.ts";
import { injectLoraPrefix, loadAnyAdapter } from "../../src/adapt/mod.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { commit, digestOf, filesOf, type HubServer, withHub } from "../support/hub_server.ts";
import "../support/open_lapack.ts";
import { withVariables } from "../support/variables.ts";
import { assertFails, lowrank, lowrankJson, outcomeOf, spawnLowrank } from "./lowrank.ts";

const folder = "models/tiny-gpt2", adapterFolder = "models/rank-study/qv-r8-seed1";
const model = "hf:me/tiny", adapter = "hf:me/adapter";

const tiny = filesOf(folder);

/** Files of a repository that `pull` does not download, under the names that such files have. */
const other = {
  "pytorch_model.bin": new Uint8Array(9),
  "consolidated.safetensors": new Uint8Array(9),
};

const withModels = (use: (hub: HubServer) => Promise<void>) =>
  withHub({ "me/tiny": { ...tiny, ...other }, "me/adapter": filesOf(adapterFolder) }, use);

Deno.test("pull downloads what can be used of a model, and says where it is", () =>
  withModels(async ({ cache }) => {
    const pulled = await lowrankJson("pull", model);
    const place = `${cache}/models--me--tiny/snapshots/${commit}`;
    assertEquals([pulled.commit, pulled.folder], [commit, place]);
    const used = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
    for (const [name, bytes] of Object.entries(pulled.files)) {
      assertEquals(await Deno.readFile(`${place}/${name}`), tiny[name]);
      assertEquals(bytes, tiny[name].length);
    }
    for (const name of used) assertEquals(name in pulled.files, name in tiny, name);
    for (const name of Object.keys(other)) assertEquals(name in pulled.files, false);
    const { stdout, stderr } = await lowrank("pull", `${model}@v1`);
    assertMatch(stdout, new RegExp(`\\d files, .* of commit ${commit} in\\n${place}\\n$`));
    assertEquals(stderr, "");
  }));

Deno.test("pull downloads all files of an adapter of two parts", () =>
  withFolder(async (made) => {
    using device = await openDevice({ kind: "cpu" });
    using base = await loadModel(device, folder);
    {
      using joined = injectLoraPrefix(base, { rank: 1, length: 2, prefix: "prefix-layer" });
      await joined.save(made);
    }
    const files = Object.fromEntries(
      filesIn(made).map((name) => [name, Deno.readFileSync(`${made}/${name}`)]),
    );
    await withHub({ "me/joined": files }, async () => {
      const pulled = await lowrankJson("pull", "hf:me/joined");
      const parts = ["lora_config.json", "prefix_config.json", "prefix_model.safetensors"];
      for (const name of ["adapter_model.safetensors", ...parts]) {
        assert(name in pulled.files, name);
      }
      using adapter = await loadAnyAdapter(base, "hf:me/joined");
      assertEquals(base.virtualTokens?.count, 2);
      adapter.remove();
    });
  }));

Deno.test("pull shows progress on standard error, and none if it is to be quiet", () =>
  withModels(async () => {
    const { stderr } = await lowrank("pull", adapter);
    assertStringIncludes(stderr, "adapter_model.safetensors 100% ");
    assertEquals((await lowrank("pull", model, "--quiet")).stderr, "");
  }));

Deno.test("a pull that is killed is taken up where it stopped", () => {
  const name = "adapter_model.safetensors", files = filesOf(adapterFolder), bytes = files[name];
  const half = bytes.slice(0, bytes.length / 2), headers = { "content-length": `${bytes.length}` };
  let count = 0;
  const answer = (_: Request, where: "hub" | "files") =>
    where === "files" && ++count === 1
      ? new Response(new ReadableStream({ start: (body) => body.enqueue(half) }), { headers })
      : undefined;
  return withHub({ "me/adapter": files }, async ({ cache, got }) => {
    const child = spawnLowrank("pull", adapter, "--quiet");
    const blob = `${cache}/models--me--adapter/blobs/${digestOf(name, bytes)}.incomplete`;
    const isHalf = async () => (await Deno.stat(blob).catch(() => undefined))?.size === half.length;
    await deadline(until(isHalf), 20_000, "half of the file");
    child.kill("SIGKILL");
    await child.output();
    await withVariables({ HF_HUB_OFFLINE: "1" }, async () => {
      await assertFails(["inspect", adapter], "it does not exist in the cache");
    });
    const { code } = await lowrank("pull", adapter, "--quiet");
    assertEquals([code, got.at(-1)!.range], [0, `bytes=${half.length}-`]);
  }, answer);
});

Deno.test("two processes that pull one file at once download it once, and both have it whole", () => {
  const name = "adapter_model.safetensors", files = filesOf(adapterFolder), bytes = files[name];
  const half = bytes.slice(0, bytes.length / 2), rest = bytes.slice(half.length);
  let send = () => {};
  const answer = (_: Request, where: "hub" | "files") => {
    if (where === "hub") return undefined;
    const body = new ReadableStream({
      start(sender) {
        sender.enqueue(half);
        send = () => (sender.enqueue(rest), sender.close());
      },
    });
    return new Response(body, { headers: { "content-length": `${bytes.length}` } });
  };
  return withHub({ "me/adapter": files }, async ({ cache, got }) => {
    const folder = `${cache}/models--me--adapter`, digest = digestOf(name, bytes);
    const children = [0, 1].map(() => spawnLowrank("inspect", adapter, "--json", "--quiet"));
    // Both have asked for the list of files, and one has begun; the other one can only wait.
    const asked = () => got.filter(({ what }) => what.includes("/tree/")).length;
    const begun = `${folder}/blobs/${digest}.incomplete`;
    const areThere = async () =>
      asked() >= 4 && (await Deno.stat(begun).catch(() => undefined))?.size === half.length;
    await deadline(until(areThere), 30_000, "two processes");
    await new Promise((resolve) => setTimeout(resolve, 500));
    assertEquals(await Deno.stat(`${folder}/blobs/${digest}`).catch(() => "none"), "none");
    send();
    const outcomes = await Promise.all(children.map(outcomeOf));
    assertEquals(outcomes.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]]);
    assertEquals(outcomes[0].stdout, outcomes[1].stdout);
    assertEquals(await Deno.readFile(`${folder}/blobs/${digest}`), bytes);
    assertEquals(got.filter(({ what }) => what.startsWith("files")).length, 1);
  }, answer);
});

/** Waits until something is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!await isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

Deno.test("a model in shards is pulled by its index", () => {
  const index = { weight_map: { a: "part-1.safetensors", b: "part-2.safetensors" } };
  const shard = (name: string) => {
    const header = JSON.stringify({ [name]: { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
    const bytes = new Uint8Array(8 + header.length + 4);
    bytes[0] = header.length;
    bytes.set(new TextEncoder().encode(header), 8);
    return bytes;
  };
  const sharded = {
    "config.json": new TextEncoder().encode("{}"),
    "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify(index)),
    "part-1.safetensors": shard("a"),
    "part-2.safetensors": shard("b"),
    "part-3.safetensors": shard("c"),
  };
  return withHub({ "me/shards": sharded }, async () => {
    const { files } = await lowrankJson("pull", "hf:me/shards", "--quiet");
    const { "part-3.safetensors": _, ...wanted } = sharded;
    assertEquals(Object.keys(files), Object.keys(wanted).sort());
  });
});

Deno.test("pull refuses weights that only Python reads, and says how to convert them", () => {
  const config = new TextEncoder().encode("{}"), bytes = new Uint8Array(9);
  const repositories = {
    "me/model": { "config.json": config, "pytorch_model.bin": bytes },
    "me/shards": { "config.json": config, "pytorch_model.bin.index.json": bytes },
    "me/adapter": { "adapter_config.json": config, "adapter_model.bin": bytes },
    "me/gguf": { "model.gguf": bytes },
  };
  return withHub(repositories, async ({ got }) => {
    const rule = "weights must be in model.safetensors, found pytorch_model.bin";
    await assertFails(
      ["pull", "hf:me/model"],
      `${rule} in hf:me/model (a pickle can run code): convert it`,
    );
    await assertFails(["pull", "hf:me/shards"], `${rule}.index.json`);
    const peft = "found adapter_model.bin (a pickle can run code): convert it";
    await assertFails(["pull", "hf:me/adapter"], peft);
    await assertFails(["pull", "hf:me/gguf"], "hf:me/gguf/model.safetensors: it does not exist");
    await assertFails(
      ["pull", "me/model"],
      "must be hf:OWNER/NAME or hf:OWNER/NAME@REVISION, found",
    );
    assertEquals(got.filter(({ what }) => what.endsWith(".bin")), []);
  });
});

Deno.test("a name of the hub gives what its folder gives", () =>
  withModels(async () => {
    const commands: (readonly [command: string, ...names: string[]])[] = [
      ["count", model],
      ["inspect", adapter, "--base", model],
      ["compare", adapter, adapter],
      ["generate", "--model", model, "--adapter", adapter, "--prompt", "We the"],
    ];
    const local: Record<string, string> = { [model]: folder, [adapter]: adapterFolder };
    for (const command of commands) {
      const there = await lowrankJson(...command, "--quiet");
      assertEquals(there, await lowrankJson(...command.map((word) => local[word] ?? word)));
    }
  }));

Deno.test("count needs no weights of a model on the hub", () =>
  withModels(async ({ got }) => {
    await lowrankJson("count", model, "--quiet");
    const contents = got.filter(({ what }) => what.includes("/resolve/")).map(({ what }) => what);
    assertEquals(contents, [`hub GET /me/tiny/resolve/${commit}/config.json`]);
  }));

Deno.test("a model of the hub is loaded, and an adapter trained on it names it as its base", () =>
  withModels(() =>
    withFolder(async (out) => {
      using device = await openDevice({ kind: "cpu" });
      using base = await loadModel(device, `${model}@v1`);
      {
        using loaded = await loadAdapter(base, adapter);
        assert(loaded.parameters.length > 0);
      }
      using fresh = injectLora(base, { rank: 2, alpha: 2, sites: ["q"], seed: 1 });
      await fresh.save(out);
      const config = JSON.parse(await Deno.readTextFile(`${out}/adapter_config.json`));
      assertEquals(config.base_model_name_or_path, "me/tiny");
    })
  ));

Deno.test("a model of the hub is trained and merged as one in a folder", () =>
  withModels(() =>
    withFolder(async (out) => {
      const data = `${out}/mine.txt`;
      await Deno.writeTextFile(data, "We the people");
      const train = ["--data", data, "--steps", "1", "--output", `${out}/adapter`];
      for (let i = 0; i < 2; i++) await lowrankJson("train", "--model", model, ...train);
      const merge = ["--adapter", `${out}/adapter`, "--output", `${out}/merged`];
      await lowrankJson("merge", "--model", model, ...merge);
      assertEquals(await Deno.readFile(`${out}/merged/tokenizer.json`), tiny["tokenizer.json"]);
    })
  ));

Deno.test("without the hub, what is not in the cache is called as it was asked for, in every command", () =>
  withVariables({ HF_HUB_OFFLINE: "1" }, async () => {
    const sentence =
      "cannot read hf:me/none: me/none at main is not in the cache, and HF_HUB_OFFLINE";
    for (
      const command of [
        ["count", "hf:me/none"],
        ["pull", "hf:me/none"],
        ["inspect", "hf:me/none"],
        ["merge", "--model", "hf:me/none", "--adapter", adapterFolder, "--output", "out"],
      ]
    ) await assertFails(command, sentence);
  }));
