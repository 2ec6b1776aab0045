/** Continuous batching on every device, compared with one prompt at a time. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AdapterSet } from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { loadModel } from "../../src/models/mod.ts";
import { Engine } from "../../src/serve/engine.ts";
import { makeAdapters, setOf } from "../adapt/adapter_set_checks.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { type Check, coreDevices, testOn, webgpu } from "../support/devices.ts";
import { golden } from "../support/golden.ts";
import { limits, offline, works } from "./engine_works.ts";

/** An engine of a model with the adapters of these checks, and what `generate` gives for the requests. */
async function withEngine(
  device: Device,
  use: (engine: Engine, expected: number[][], adapters: AdapterSet) => Promise<void>,
  model = "gpt2_tiny",
): Promise<void> {
  using loaded = await loadModel(device, golden(model));
  const adapters = await makeAdapters(loaded), { live } = device.ledger.read();
  const expected: number[][] = [];
  for (const work of works) expected.push(await offline(loaded, adapters, work));
  {
    using set = setOf(loaded, adapters);
    await using engine = new Engine(loaded, set, limits);
    await deadline(use(engine, expected, set), 60_000, "an engine");
  }
  assertEquals(device.ledger.read().live, live);
}

const submitAll = (engine: Engine): Promise<(readonly number[])[]> =>
  Promise.all(works.map((work) => engine.submit(work)));

/** A promise and its outcome, so that nobody has to wait for it at once. */
const outcomeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.catch((error) => error);

/** The figures that tell most. */
const mainChecks: readonly Check[] = [
  ...["gpt2_tiny", "families/llama"].map((model): Check => ({
    name: `${model}: rows that join and leave get what each gets alone`,
    run: (device) =>
      withEngine(device, async (engine, expected) => {
        assertEquals(await submitAll(engine), expected);
        const { live } = device.ledger.read();
        assertEquals(await submitAll(engine), expected);
        assertEquals(device.ledger.read().live, live);
      }, model),
  })),
];

const engineChecks: readonly Check[] = [
  ...mainChecks,
  {
    name: "a request that comes while others run joins them",
    run: (device) =>
      withEngine(device, async (engine, expected) => {
        const steps: string[] = [], later: Promise<readonly number[]>[] = [];
        const note = (name: string) => () => (steps.push(name), false);
        const onToken = () => {
          if (later.length === 0) {
            later.push(engine.submit({ ...works[6], onToken: note("later") }));
          }
          return note("first")();
        };
        const first = await engine.submit({ ...works[1], onToken });
        assertEquals([first, await later[0]], [expected[1], expected[6]]);
        const begun = steps.indexOf("later");
        assert(begun > 0 && steps.slice(begun).includes("first"), `${steps}`);
      }),
  },
  {
    name: "an answer ends at its last token, or when it is told to",
    run: (device) =>
      withEngine(device, async (engine, expected) => {
        const i = 7, stopToken = expected[i][2], end = expected[i].indexOf(stopToken) + 1;
        const [atToken, told] = await Promise.all([
          engine.submit({ ...works[i], stopToken }),
          engine.submit({ ...works[i], onToken: (made) => made.length === 2 }),
        ]);
        assertEquals([atToken, told], [expected[i].slice(0, end), expected[i].slice(0, 2)]);
      }),
  },
  {
    name: "who leaves frees a row, and nobody else notices",
    run: (device) =>
      withEngine(device, async (engine, expected) => {
        const client = new AbortController(), { signal } = client;
        const onToken = (made: readonly number[]) => {
          if (made.length === 2) client.abort();
          return false;
        };
        const long = { ...works[2], maxNewTokens: 20 };
        const left = [{ ...long, signal, onToken }, { ...long, signal }, { ...long, signal }]
          .map((work) => outcomeOf(engine.submit(work)));
        assertEquals(await submitAll(engine), expected);
        for (const reason of await Promise.all(left)) assertEquals(reason, signal.reason);
      }),
  },
  {
    name: "an adapter that is unloaded answers those who had it, and nobody after them",
    run: (device) =>
      withEngine(device, async (engine, expected, set) => {
        const answers = submitAll(engine);
        const unloaded = engine.unload("all").then(() => "unloaded"), order: string[] = [];
        await Promise.resolve();
        await assertRejects(() => engine.submit(works[2]), Error, "must be one of GET /v1/models");
        assertEquals([engine.adapters.includes("all"), set.names.includes("all")], [false, true]);
        const loaded = engine.load({ all: golden("adapters/peft_all_linear") });
        void unloaded.then((word) => order.push(word));
        void loaded.then(() => order.push("loaded"));
        assertEquals(await answers, expected);
        await loaded;
        assertEquals(order, ["unloaded", "loaded"]);
        const others = works.filter(({ adapter }) => adapter !== "all");
        const again = await Promise.all(others.map((work) => engine.submit(work)));
        assertEquals(again, expected.filter((_, i) => works[i].adapter !== "all"));
      }),
  },
];

await testOn(coreDevices, engineChecks);
// Each step waits for its tokens on a graphics adapter, so that the others take long there.
await testOn([webgpu], mainChecks);
