import { testOn, webgpu } from "../support/devices.ts";
import { checks } from "./golden_checks.ts";

await testOn([webgpu], checks);
