import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./checks.ts";
import { fourBitChecks } from "./four_bit_checks.ts";

await testOnWebgpu([...checks, ...fourBitChecks]);
