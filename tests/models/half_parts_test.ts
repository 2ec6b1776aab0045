import { testOnWebgpu } from "../support/devices.ts";
import { webgpuChecks } from "./half_checks.ts";

await testOnWebgpu(webgpuChecks);
