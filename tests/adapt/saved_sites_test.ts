/** Adapters come back with the sites that they were saved with, whatever their B; dropout is checked. */

import { assertEquals, assertRejects } from "@std/assert";
import {
  injectLora,
  loadAdapter,
  type LoraAdapter,
  type LoraOptions,
} from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  joinUpdates,
  type LowRankUpdate,
  readAdapter,
  readSafetensors,
  siteName,
  writeAdapter,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { describeUpdate } from "../../src/inspect/mod.ts";
import { logitsOf, randomizeB, tinyModel, withFolder } from "./fixtures.ts";

const attention = "transformer.h.0.attn.c_attn";

/** Names and ranks of an adapter's sites. */
const sitesOf = ({ sites }: LoraAdapter) => sites.map(({ name, rank }) => ({ name, rank }));

/** The sites in a file's metadata. */
async function sitesSaid(folder: string): Promise<Record<string, Record<string, unknown>[]>> {
  const { metadata } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  return JSON.parse(metadata["lowrank.sites"]);
}

/** Changes what a file's metadata says of its sites. */
async function say(folder: string, sites: unknown): Promise<void> {
  const path = `${folder}/adapter_model.safetensors`;
  const { tensors, metadata } = await readSafetensors(path);
  const said = typeof sites === "string" ? sites : JSON.stringify(sites);
  await writeSafetensors(path, tensors, { metadata: { ...metadata, "lowrank.sites": said } });
}

const selections: Omit<LoraOptions, "seed">[] = [
  { rank: 2, alpha: 3, sites: ["q", "v"] },
  { rank: 2, alpha: 3, sites: ["v"] },
  {
    rank: 3,
    alpha: 3,
    sites: "all",
    rankPattern: { "c_attn:k": 1 },
    alphaPattern: { "c_attn:k": 1 },
  },
  { rank: 2, alpha: 3, targetModules: ["c_attn"] },
];

for (const selection of selections) {
  const { sites, targetModules } = selection;
  Deno.test(`untrained sites come back as they were: ${sites ?? targetModules}`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    const base = await logitsOf(model);
    await withFolder(async (folder) => {
      using adapter = injectLora(model, { ...selection, seed: 1 });
      await adapter.save(folder);
      adapter.remove();
      using loaded = await loadAdapter(model, folder);
      assertEquals(sitesOf(loaded), sitesOf(adapter));
      assertEquals(await loaded.read(), await adapter.read());
      assertEquals(await logitsOf(model), base);
    });
  });
}

Deno.test("a site that is not trained yet keeps its rank beside one that is", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  await withFolder(async (folder) => {
    using adapter = randomizeB(injectLora(model, { ...selections[0], seed: 1 }));
    for (const { name, B } of adapter.sites) {
      if (name.endsWith(":v")) device.write(B.tensor, new Float32Array(B.size));
    }
    await adapter.save(folder);
    adapter.remove();
    using loaded = await loadAdapter(model, folder);
    assertEquals(sitesOf(loaded), sitesOf(adapter));
    assertEquals(await loaded.read(), await adapter.read());
  });
});

Deno.test("roles are kept: adapter, readAdapter and inspect spell a site alike", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  for (const selection of selections) {
    await withFolder(async (folder) => {
      using adapter = randomizeB(injectLora(model, { ...selection, seed: 1 }));
      await adapter.save(folder);
      const names = adapter.sites.map(({ name }) => name);
      const { updates } = await readAdapter(folder), read = await adapter.read();
      assertEquals(updates.map(siteName), names);
      assertEquals(read.map(siteName), names);
      assertEquals(updates.map((update) => describeUpdate(update).name), names);
      const address = ({ module, role, rows, outputs }: LowRankUpdate) => {
        return { module, role, rows, outputs };
      };
      assertEquals(updates.map(address), read.map(address));
      adapter.remove();
      using loaded = await loadAdapter(model, folder);
      assertEquals(loaded.sites.map(({ name }) => name), names);
    });
  }
});

Deno.test("the metadata says rows, rank and role; a file without roles loads the same", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  await withFolder(async (folder) => {
    using adapter = randomizeB(injectLora(model, { ...selections[0], seed: 1 }));
    await adapter.save(folder);
    const said = await sitesSaid(folder);
    assertEquals(said[attention], [
      { rows: [0, 12], rank: 2, role: "q" },
      { rows: [24, 12], rank: 2, role: "v" },
    ]);
    const older = Object.entries(said).map(([module, sites]) => [
      module,
      sites.map(({ rows, rank }) => ({ rows, rank })),
    ]);
    await say(folder, Object.fromEntries(older));
    const [first] = (await readAdapter(folder)).updates;
    assertEquals([siteName(first), first.role], [`${attention}[0:12]`, undefined]);
    adapter.remove();
    using loaded = await loadAdapter(model, folder);
    assertEquals(await loaded.read(), await adapter.read());
  });
});

Deno.test("a file that names no sites: blocks are found, an all-zero B is one site", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const without = async (trained: boolean): Promise<{ name: string; rank: number }[]> => {
    let sites: { name: string; rank: number }[] = [];
    await withFolder(async (folder) => {
      using adapter = injectLora(model, { ...selections[0], seed: 1 });
      if (trained) randomizeB(adapter);
      await adapter.save(folder);
      const { updates } = await readAdapter(folder);
      await writeAdapter(folder, { updates: [joinUpdates(updates.slice(0, 2))] });
      adapter.remove();
      using loaded = await loadAdapter(model, folder);
      sites = sitesOf(loaded);
    });
    return sites;
  };
  const [q, v] = ["q", "v"].map((role) => ({ name: `${attention}:${role}`, rank: 2 }));
  assertEquals(await without(true), [q, v]);
  assertEquals(await without(false), [{ name: attention, rank: 4 }]);
});

/** Saves q and v of rank 2 and 36 rows, changes what the file says of them, and expects a refusal. */
async function refusing(sites: unknown, includes: string): Promise<void> {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const before = device.ledger.read();
  await withFolder(async (folder) => {
    {
      using adapter = randomizeB(injectLora(model, { ...selections[0], seed: 1 }));
      await adapter.save(folder);
    }
    await say(folder, sites);
    const error = await assertRejects(() => loadAdapter(model, folder), AdapterFileError, includes);
    assertEquals(/^cannot (read|use) the adapter in /.test(error.message), true);
  });
  assertEquals(device.ledger.read().byRole, before.byRole);
}

const site = (start: number, count: number, rank: number) => ({ rows: [start, count], rank });

Deno.test("what a file says of its sites is believed only where it is true", async () => {
  const of = (...sites: unknown[]) => ({ [attention]: sites });
  await refusing("{", 'must be a JSON object of modules, found "{"');
  await refusing([], 'must be a JSON object of modules, found "[]"');
  await refusing({ [attention]: 3 }, `must list the sites of "${attention}", found 3`);
  for (const broken of [null, {}, site(-1, 3, 2), site(0, 1.5, 2), { rows: [0], rank: 4 }]) {
    await refusing(of(broken), `must give rows and a rank for each site of "${attention}"`);
  }
  await refusing(
    { x: [site(0, 36, 4)] },
    'sites must be of modules in the file, found sites of "x"',
  );
  for (const ranks of [of(), of(site(0, 36, 3)), of(site(0, 12, 4), site(24, 12, 0))]) {
    await refusing(ranks, `must divide the rank 4 of "${attention}" among its sites`);
  }
  const shared = [of(site(0, 12, 2), site(11, 12, 2)), of(site(0, 37, 4)), of(site(1e15, 1e15, 4))];
  for (const rows of shared) {
    await refusing(rows, `must give each site of "${attention}" rows of its own in [0, 36)`);
  }
  const moved = of(site(0, 12, 2), site(12, 12, 2));
  await refusing(moved, `must name every block of "${attention}" that is not zero`);
  const foreign = of(site(0, 13, 2), site(24, 12, 2));
  await refusing(foreign, "the rows of a site must be those of ");
  await refusing(foreign, "found rows 0 to 13 of 36");
  const q = site(0, 12, 2), v = site(24, 12, 2);
  for (const role of ["query", "", 1, null]) {
    const rule = `give each site of "${attention}" a role of q, k, v, o, up, down, head, or none`;
    await refusing(of({ ...q, role }, v), `${rule}, found ${JSON.stringify({ ...q, role })}`);
  }
  await refusing(of({ ...q, role: "v" }, v), 'found rows 0 to 12 of 36 as "v"');
  await refusing(of({ ...q, role: "up" }, v), 'found rows 0 to 12 of 36 as "up"');
});

Deno.test("a folder's dropout must leave something to train", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  await withFolder(async (folder) => {
    {
      using adapter = injectLora(model, { ...selections[0], seed: 1 });
      await adapter.save(folder);
    }
    const path = `${folder}/adapter_config.json`, config = await Deno.readTextFile(path);
    for (const share of ["1", "1.5", "-0.1", '"0.1"', "NaN"]) {
      await Deno.writeTextFile(
        path,
        config.replace(/"lora_dropout": 0/, `"lora_dropout": ${share}`),
      );
      const rule = share === "NaN" ? "NaN" : `lora_dropout must be in [0, 1), found ${share}`;
      await assertRejects(() => loadAdapter(model, folder), AdapterFileError, rule);
    }
  });
});
