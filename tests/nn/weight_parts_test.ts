import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./checks.ts";

await testOnWebgpu(checks);
