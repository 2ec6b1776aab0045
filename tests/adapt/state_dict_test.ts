import { testOnCoreDevices } from "../support/devices.ts";
import { stateDictChecks } from "./state_dict_checks.ts";

testOnCoreDevices(stateDictChecks);
