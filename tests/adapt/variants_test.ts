import { testOnCoreDevices } from "../support/devices.ts";
import { variantChecks } from "./variant_checks.ts";

testOnCoreDevices(variantChecks);
