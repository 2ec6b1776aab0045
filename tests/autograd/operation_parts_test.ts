import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./operation_checks.ts";

await testOnWebgpu(checks);
