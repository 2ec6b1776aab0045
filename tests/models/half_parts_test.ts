import { testOn, webgpu } from "../support/devices.ts";
import { webgpuChecks } from "./half_checks.ts";

await testOn([webgpu], webgpuChecks);
