import { testOn, webgpu } from "../support/devices.ts";
import { checks } from "./operation_checks.ts";

await testOn([webgpu], checks);
