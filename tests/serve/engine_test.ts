/** The engine of the server: whom it refuses, and what it does when something fails. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { mostServedAdapters } from "../../src/core/limits.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { loadModel } from "../../src/models/mod.ts";
import { Engine } from "../../src/serve/engine.ts";
import { Refusal } from "../../src/serve/requests.ts";
import { makeAdapters, setOf } from "../adapt/adapter_set_checks.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { golden } from "../support/golden.ts";
import { limits, offline, works } from "./engine_works.ts";

const statusOf = async (answer: Promise<unknown>): Promise<unknown> =>
  await answer.then(() => 200, (error) => error instanceof Refusal ? error.status : error);

Deno.test("those beyond the queue, those of no adapter and those after the end are refused", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  using set = setOf(model, await makeAdapters(model));
  const engine = new Engine(model, set, { ...limits, rows: 1, queue: 2 });
  const answers = works.slice(0, 4).map((work) => statusOf(engine.submit(work)));
  assertThrows(() => engine.assertRoom(), Refusal, "at most 2 requests may wait");
  assertEquals(await Promise.all(answers), [200, 200, 200, 429]);
  assertEquals(await statusOf(engine.submit({ ...works[0], adapter: "none" })), 404);
  assertEquals(await statusOf(engine.unload("none")), 404);
  const changes = Array.from({ length: 4 }, () => statusOf(engine.load({})));
  assertEquals(await Promise.all(changes), [200, 200, 429, 429]);
  const waiting = [works[2], works[3]].map((work) => statusOf(engine.submit(work)));
  await engine[Symbol.asyncDispose]();
  assertEquals(await Promise.all(waiting), [503, 503]);
  assertEquals(await statusOf(engine.submit(works[0])), 503);
  assertEquals(await statusOf(engine.unload("all")), 503);
});

Deno.test("there are no more adapters than there may be, however many come at once", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  using set = setOf(model, new Map());
  const count = mostServedAdapters - 1;
  set.add(Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}`, []])));
  await using engine = new Engine(model, set, limits);
  const loads = ["peft_all_linear", "peft_c_attn"].map((name) =>
    statusOf(engine.load({ [name]: golden(`adapters/${name}`) }))
  );
  assertEquals(await Promise.all(loads), [200, 400]);
  assertEquals(set.names.length, mostServedAdapters);
});

Deno.test("steps of the same rows send their adapters once", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  using set = setOf(model, await makeAdapters(model));
  const write = device.write.bind(device), names = ["small", undefined, "wide"];
  let writes = 0;
  device.write = (...args) => (writes++, write(...args));
  set.use(names);
  assertEquals(writes, 1);
  set.use([...names]);
  assertEquals(writes, 1);
  set.use(names.toReversed());
  assertEquals(writes, 2);
  set.unload("small");
  assertThrows(() => set.use(names), RangeError, '"small"');
});

Deno.test("those who have left do not fill the queue", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  using set = setOf(model, await makeAdapters(model));
  await using engine = new Engine(model, set, { ...limits, rows: 1, queue: 1 });
  const signal = AbortSignal.abort(), left = statusOf(engine.submit({ ...works[0], signal }));
  const own = statusOf(engine.submit(works[1]));
  assertEquals([await own, await left], [200, signal.reason]);
});

/** An update of values so large that the layer's outputs are not finite. */
function overflowing(site: LowRankUpdate): LowRankUpdate {
  const huge = ({ shape, data }: LowRankUpdate["A"]) => ({
    shape,
    data: new Float32Array(data.length).fill(3e38),
  });
  return { ...site, A: huge(site.A), B: huge(site.B) };
}

Deno.test("a row whose logits are not finite fails by itself, and leaves its place clean", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  const adapters = await makeAdapters(model), own = { adapter: "wide", maxNewTokens: 6, seed: 1 };
  const good = [{ ...own, prompt: [3, 4, 5, 6, 7, 8, 9, 10] }, { ...own, prompt: [11, 12] }];
  const expected: number[][] = [];
  for (const work of good) expected.push(await offline(model, adapters, work));
  using set = setOf(model, adapters);
  set.add({ broken: adapters.get("wide")!.map(overflowing) });
  await using engine = new Engine(model, set, limits);
  const broken = { ...good[0], adapter: "broken" };
  for (let round = 0; round < 3; round++) {
    const bad = [broken, broken].map((work) => engine.submit(work).catch(String));
    assertEquals(await engine.submit(good[1]), expected[1]);
    for (const text of await Promise.all(bad)) {
      assertEquals(text, "RangeError: generating needs finite logits, found NaN");
    }
    // The short row is where a broken one was, and is passed together with a long one.
    assertEquals(await Promise.all(good.map((work) => engine.submit(work))), expected);
  }
});

Deno.test("a pass that fails fails its rows alone, and the next ones are answered", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  const adapters = await makeAdapters(model), expected: number[][] = [];
  for (const work of works) expected.push(await offline(model, adapters, work));
  using set = setOf(model, adapters);
  await using engine = new Engine(model, set, { ...limits, rows: 8 });
  const forward = model.forward.bind(model);
  for (const failing of [1, 2, 5]) {
    let pass = 0;
    model.forward = (...args) => {
      if (++pass === failing) throw new DeviceError("no room");
      return forward(...args);
    };
    const answers = await Promise.all(
      works.map((work, i) =>
        engine.submit(work).then((made) => (assertEquals(made, expected[i]), "ok"), String)
      ),
    );
    assert(answers.includes("ok") && answers.includes("DeviceError: no room"), `${answers}`);
    assertEquals(new Set(answers).size, 2);
  }
  const again = await Promise.all(works.map((work) => engine.submit(work)));
  assertEquals(again, expected);
});

Deno.test("rows that fail to join leave nothing to those who get their places", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, golden("gpt2_tiny"));
  const adapters = await makeAdapters(model), prompt = [3, 4, 5, 6, 7, 8, 9, 10];
  const good = [[11, 12], prompt].map((prompt) => ({ prompt, maxNewTokens: 4, seed: 1 }));
  const expected: number[][] = [];
  for (const work of good) expected.push(await offline(model, adapters, work));
  using set = setOf(model, adapters);
  set.add({ broken: adapters.get("wide")!.map(overflowing) });
  await using engine = new Engine(model, set, limits);
  const bad = { ...good[1], adapter: "broken" };
  const assertClean = async (name: string) => {
    await assertRejects(() => engine.submit(bad), DeviceError, "no room");
    assertEquals(await Promise.all(good.map((work) => engine.submit(work))), expected, name);
  };
  const read = device.read.bind(device), launch = device.launch.bind(device);
  device.read = () => (device.read = read, Promise.reject(new DeviceError("no room")));
  await assertClean("a read");
  let launches = 0;
  device.launch = (...args) => (launches++, launch(...args));
  await engine.submit({ ...bad, maxNewTokens: 1 }).catch(() => {});
  for (let failing = 1; failing < launches / 2; failing += 3) {
    let pass = 0;
    device.launch = (...args) => {
      if (++pass !== failing) return launch(...args);
      device.launch = launch;
      throw new DeviceError("no room");
    };
    await assertClean(`launch ${failing} of ${launches}`);
  }
});

Deno.test("an engine whose device is lost says so to everybody, at once and from then on", async () => {
  for (const pass of [1, 3]) {
    const device = await openCpuDevice({ threads: 1 });
    using model = await loadModel(device, golden("gpt2_tiny"));
    using set = setOf(model, await makeAdapters(model));
    const engine = new Engine(model, set, limits), forward = model.forward.bind(model);
    const launch = device.launch.bind(device),
      lost = () => {
        throw new DeviceError("lost");
      };
    let passes = 0;
    model.forward = (...args) => {
      if (++passes === pass) device.launch = lost;
      return forward(...args);
    };
    const long = works.map((work) => ({ ...work, maxNewTokens: 9 }));
    const answers = Promise.all(long.map((work) => engine.submit(work).catch(String)));
    const told = await deadline(answers, 20_000, "those who asked");
    assertEquals(new Set(told), new Set(["DeviceError: lost"]));
    await assertRejects(() => engine.submit(works[0]), DeviceError, "lost");
    device.launch = launch;
    await engine[Symbol.asyncDispose]();
    device[Symbol.dispose]();
  }
});
