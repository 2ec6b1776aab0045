import { coreDevices, testOn } from "../support/devices.ts";
import { variantChecks } from "./variant_checks.ts";

await testOn(coreDevices, variantChecks);
