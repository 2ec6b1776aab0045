import { testOnCoreDevices } from "../support/devices.ts";
import { checks } from "./golden_checks.ts";

testOnCoreDevices(checks);
