import { testOnWebgpu } from "../support/devices.ts";
import { adapterSetChecks } from "./adapter_set_checks.ts";

await testOnWebgpu(adapterSetChecks);
