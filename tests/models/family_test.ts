import { testOnCoreDevices } from "../support/devices.ts";
import { familyChecks } from "./family_checks.ts";

testOnCoreDevices(familyChecks);
