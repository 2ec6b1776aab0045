/**
 * Every WGSL file in a browser: its compiler is not Deno's, and stricter about barriers and subgroups
 * in control flow that not all threads take.
 */

import { assertEquals } from "@std/assert";
import { browserPath } from "../../scripts/support/parts.ts";
import type { AdapterTraits } from "../../kernels/kernel.ts";
import { productPrograms } from "../../kernels/matmul/kernel.ts";
import { casesByKernel } from "./cases.ts";
import { plainAdapter, tunedTo } from "./devices.ts";

interface Program {
  readonly name: string;
  readonly code: string;
  readonly constants: Record<string, number>;
}

/** Each kernel's programs with the constants of its first case. */
function programs(): Program[] {
  return [...casesByKernel.values()].flatMap(([{ kernel: { name, wgsl }, scalars }]) => {
    const plain = { name, code: wgsl.code, constants: wgsl.constants?.(scalars) ?? {} };
    const variants = new Set(adapters.map((adapter) => wgsl.variant?.(adapter, scalars)));
    return [
      plain,
      ...[...variants].filter((variant) => variant !== undefined).map((variant, i) => ({
        name: `${name} variant ${i}`,
        // Deno wants it left out, the standard wants it.
        code: (/subgroup\w+\(/.test(variant.code) ? "enable subgroups;\n" : "") + variant.code,
        constants: variant.constants?.(scalars) ?? {},
      })),
    ];
  });
}

/** Adapters that take every variant. */
const adapters: readonly AdapterTraits[] = [
  { software: true, subgroupSize: 8 },
  ...productPrograms(plainAdapter).map(tunedTo),
];

/** Runs in the page: compiles all and sends home what the compiler said. */
const script = `
  const messages = [];
  try {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"] });
    for (const { name, code, constants } of PROGRAMS) {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ code });
      device.createComputePipeline({ layout: "auto", compute: { module, constants } });
      const error = await device.popErrorScope();
      if (error) messages.push(name + ": " + error.message);
    }
  } catch (error) {
    messages.push(String(error));
  }
  await fetch("/messages", { method: "POST", body: JSON.stringify(messages) });
`;

/** Serves the page until the script has reported. */
function serve(report: (messages: string[]) => void): Deno.HttpServer<Deno.NetAddr> {
  const text = script.replace("PROGRAMS", () => JSON.stringify(programs()));
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (request.method === "POST") report(await request.json());
    const headers = { "content-type": "text/html" };
    return new Response(`<!doctype html><script type="module">${text}</script>`, { headers });
  });
}

function startBrowser(path: string, profile: string, port: number): Deno.ChildProcess {
  const flags = ["--headless", "--no-sandbox", "--disable-gpu-sandbox", "--enable-unsafe-webgpu"];
  const args = [...flags, "--use-webgpu-adapter=swiftshader", `--user-data-dir=${profile}`];
  return new Deno.Command(path, {
    args: [...args, `http://127.0.0.1:${port}/`],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

const path = browserPath();

Deno.test({
  name: "every WGSL file compiles in a browser too",
  ignore: path === undefined,
  fn: async () => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const timer = setTimeout(() => resolve(["the browser said nothing for 90 s"]), 90_000);
    const profile = await Deno.makeTempDir();
    await using server = serve(resolve);
    const browser = startBrowser(path!, profile, server.addr.port);
    const messages = await promise;
    clearTimeout(timer);
    browser.kill();
    await browser.status;
    await Deno.remove(profile, { recursive: true }).catch(() => {}); // a helper may still write there
    assertEquals(messages, []);
  },
});
