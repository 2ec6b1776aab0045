import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./live_bytes_checks.ts";

await testOnWebgpu(checks);
