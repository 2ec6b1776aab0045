import { testOnWebgpu } from "../support/devices.ts";
import { webgpuChecks } from "./four_bit_checks.ts";

await testOnWebgpu(webgpuChecks);
