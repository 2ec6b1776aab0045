import { testOn, webgpu } from "../support/devices.ts";
import { checks } from "./sampling_checks.ts";

await testOn([webgpu], checks);
