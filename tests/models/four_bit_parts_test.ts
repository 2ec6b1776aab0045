import { testOn, webgpu } from "../support/devices.ts";
import { webgpuChecks } from "./four_bit_checks.ts";

await testOn([webgpu], webgpuChecks);
