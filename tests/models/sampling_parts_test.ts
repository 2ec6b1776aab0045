import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./sampling_checks.ts";

await testOnWebgpu(checks);
