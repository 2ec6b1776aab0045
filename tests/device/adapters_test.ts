/** Reports of adapters, as recorded in adapters.json, and what each is taken for. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DeviceError } from "../../src/core/errors.ts";
import { listDevices, openDevice } from "../../src/device/mod.ts";
import { type AdapterInfo, isSoftwareAdapter } from "../../src/device/webgpu/adapter.ts";
import { sourceText } from "../../scripts/support/source_files.ts";
import { withVariables } from "../support/variables.ts";

/** An adapter as one implementation reports it. */
interface Reported {
  readonly where: string;
  readonly source: string;
  readonly measured: boolean;
  readonly software: boolean;
  readonly info: AdapterInfo;
}

const reported: readonly Reported[] = JSON.parse(sourceText("tests/device/adapters.json"));

const find = (where: string): AdapterInfo => reported.find((one) => one.where === where)!.info;

Deno.test("adapters without subgroups are told by their own word and by name, not by 4 to 128", () => {
  const found = reported.map(({ where, info }) => [where, isSoftwareAdapter(info)]);
  assertEquals(found, reported.map(({ where, software }) => [where, software]));
  const bare = reported.filter(({ info }) => info.subgroupMaxSize === 128);
  assert(bare.some(({ software }) => software) && bare.some(({ software }) => !software));
});

/** A row of the guide's table. */
function rowOf({ where, info, software, source, measured }: Reported): string {
  const { vendor, architecture, description, subgroupMinSize: least } = info;
  const sizes = least === undefined ? "not said" : `${least} to ${info.subgroupMaxSize}`;
  const says = info.isFallbackAdapter === undefined ? "not said" : `${info.isFallbackAdapter}`;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "nothing";
  const origin = measured ? source : `read: ${source}`;
  return [where, name, says, sizes, software ? "software" : "hardware", origin].join(" | ");
}

Deno.test("the guide's table has every adapter, as it is recorded", () => {
  const page = sourceText("docs/devices.md").replaceAll(/ +/g, " ");
  for (const one of reported) assertStringIncludes(page, `| ${rowOf(one)} |`);
});

/** Runs a body on a machine whose only adapter, which cannot be opened, reports this. */
async function withAdapter(info: AdapterInfo | null, body: () => Promise<void>): Promise<void> {
  const requestDevice = () => Promise.reject(new Error("it is only a description"));
  const adapter = info && { info, features: new Set(), limits: {}, requestDevice };
  const value = { requestAdapter: () => Promise.resolve(adapter) };
  Object.defineProperty(navigator, "gpu", { value, configurable: true });
  try {
    await withVariables({ LOWRANK_DEVICE: "" }, body);
  } finally {
    Reflect.deleteProperty(navigator, "gpu");
  }
}

Deno.test("a GPU without subgroups is the default, and the note says why it could not be opened", () =>
  withAdapter(find("Firefox, Windows, NVIDIA"), async () => {
    assertEquals((await listDevices()).chosen, "webgpu");
    using device = await openDevice({ threads: 1 });
    assertStringIncludes(device.description, "opening unnamed adapter with webgpu failed");
  }));

const refusal = (found: string) =>
  `LOWRANK_REQUIRE_HARDWARE=1 needs a hardware GPU, found ${found}: unset it, or ask for the cpu (--device cpu)`;

Deno.test("LOWRANK_REQUIRE_HARDWARE=1 refuses software, no adapter, and the CPU in their place", () =>
  withVariables({ LOWRANK_REQUIRE_HARDWARE: "1" }, async () => {
    const cases: [AdapterInfo | null, string][] = [
      [find("Deno 2.9.6, Vulkan, lavapipe"), refusal("llvmpipe, which is software")],
      [null, refusal("no adapter")],
      [
        find("Deno, OpenGL, NVIDIA"),
        "opening NVIDIA GeForce RTX 4080/PCIe/SSE2 with webgpu failed",
      ],
    ];
    for (const [info, sentence] of cases) {
      await withAdapter(info, async () => {
        for (const kind of [undefined, "webgpu"] as const) {
          await assertRejects(() => openDevice({ kind }), DeviceError, sentence);
        }
        const { refusal } = await listDevices();
        assertEquals(refusal, info?.isFallbackAdapter === false ? null : sentence);
        using device = await openDevice({ kind: "cpu", threads: 1 });
        assertEquals(device.kind, "cpu");
      });
    }
  }));

Deno.test("LOWRANK_REQUIRE_HARDWARE is 0 or 1", () =>
  withVariables({ LOWRANK_REQUIRE_HARDWARE: "yes" }, async () => {
    const rule = "LOWRANK_REQUIRE_HARDWARE must be 0 or 1, found yes";
    await assertRejects(() => openDevice({ kind: "webgpu" }), RangeError, rule);
  }));
