import { testOn, webgpu } from "../support/devices.ts";
import { adapterSetChecks } from "./adapter_set_checks.ts";

await testOn([webgpu], adapterSetChecks);
