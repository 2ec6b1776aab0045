import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./golden_checks.ts";

await testOnWebgpu(checks);
