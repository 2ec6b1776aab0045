import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { listDevices, openDevice } from "../../src/device/mod.ts";
import {
  type AdapterInfo,
  adapterName,
  isSoftwareAdapter,
} from "../../src/device/webgpu/adapter.ts";
import { fold } from "../../src/device/webgpu/recorder.ts";

/** Runs a body with `LOWRANK_DEVICE` set. */
async function withVariable(value: string, body: () => Promise<void>): Promise<void> {
  const before = Deno.env.get("LOWRANK_DEVICE");
  Deno.env.set("LOWRANK_DEVICE", value);
  try {
    await body();
  } finally {
    if (before === undefined) Deno.env.delete("LOWRANK_DEVICE");
    else Deno.env.set("LOWRANK_DEVICE", before);
  }
}

Deno.test("a device that is asked for by its kind is opened", async () => {
  for (const kind of ["cpu", "reference", "dry"] as const) {
    using device = await openDevice({ kind, threads: 1 });
    assertEquals(device.kind, kind);
    assertMatch(device.description, new RegExp(`^${kind}, `));
  }
});

Deno.test("what is chosen without a wish is never software, and says why it is the cpu", async () => {
  await withVariable("auto", async () => {
    const { chosen, devices } = await listDevices();
    using device = await openDevice({ threads: 1 });
    assertEquals(device.kind, chosen);
    const gpu = devices.find(({ kind, software }) => kind === "webgpu" && !software);
    assertEquals(chosen, gpu ? "webgpu" : "cpu");
    if (!gpu) assertMatch(device.description, /^cpu, 1 thread, .* \(no hardware GPU found\)$/);
  });
});

Deno.test("LOWRANK_DEVICE chooses, and a wish outranks it", async () => {
  await withVariable("cpu", async () => {
    assertEquals((await listDevices()).chosen, "cpu");
    using chosen = await openDevice({ threads: 1 });
    assertMatch(chosen.description, /^cpu, 1 thread, WebAssembly SIMD(, [^()]+)?$/);
    using wished = await openDevice({ kind: "dry" });
    assertEquals(wished.kind, "dry");
  });
});

Deno.test("an unknown LOWRANK_DEVICE is refused with its value", async () => {
  await withVariable("cuda", async () => {
    await assertRejects(() => openDevice(), RangeError, "auto, cpu or webgpu, found cuda");
  });
});

Deno.test("the list has the cpu with its threads", async () => {
  const cpu = (await listDevices()).devices.find(({ kind }) => kind === "cpu");
  assert(cpu && !cpu.software && cpu.threads! >= 1);
});

Deno.test("importing the devices does not touch the GPU", async () => {
  const entry = new URL("../../src/device/mod.ts", import.meta.url);
  const code = `Object.defineProperty(navigator, "gpu", { get() { throw new Error("touched"); } });
    await import(${JSON.stringify(entry.href)}); console.log("untouched");`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", "--no-check", code] });
  const { stdout } = await command.output();
  assertEquals(new TextDecoder().decode(stdout).trim(), "untouched");
});

const hardware: AdapterInfo = {
  vendor: "nvidia",
  architecture: "hopper",
  description: "NVIDIA H100 80GB HBM3",
  isFallbackAdapter: false,
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
};

Deno.test("software adapters are told from hardware by each of their signs", () => {
  assertEquals(isSoftwareAdapter(hardware), false);
  const software: Partial<AdapterInfo>[] = [
    { isFallbackAdapter: true },
    { description: "llvmpipe (LLVM 19.1.7, 256 bits)" },
    { description: "SwiftShader Device (Subzero)" },
    { description: "Microsoft Basic Render Driver" },
  ];
  for (const info of software) {
    // WebGPU's own object has getters of its class, and no properties of its own.
    assert(isSoftwareAdapter(Object.create({ ...hardware, ...info })));
  }
});

Deno.test("an adapter has a name for people", () => {
  assertEquals(adapterName(hardware), "NVIDIA H100 80GB HBM3");
  const llvmpipe = { ...hardware, description: "llvmpipe (LLVM 19.1.7, 256 bits)" };
  assertEquals(adapterName(llvmpipe), "llvmpipe");
  assertEquals(adapterName({ ...hardware, description: "" }), "nvidia hopper");
});

Deno.test("workgroups are folded into the fewest rows, with few to spare", () => {
  assertEquals(fold(1, 65535), [1, 1]);
  assertEquals(fold(65535, 65535), [65535, 1]);
  assertEquals(fold(65536, 65535), [32768, 2]);
  const [x, y] = fold(1_000_003, 65535);
  assert(x <= 65535 && x * y >= 1_000_003 && x * y - 1_000_003 < y);
});
