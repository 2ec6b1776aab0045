import { testOnCoreDevices } from "../../support/devices.ts";
import { goldenChecks } from "./golden_checks.ts";

testOnCoreDevices(goldenChecks);
