import { assertEquals } from "@std/assert";
import { Ledger } from "../../src/device/ledger.ts";

Deno.test("a ledger counts live bytes by role and keeps the highest moment", () => {
  const ledger = new Ledger();
  ledger.add("weight", 100);
  ledger.add("activation", 50);
  ledger.remove("activation", 50);
  ledger.add("scratch", 20);
  const { live, peak, byRole, peakByRole } = ledger.read();
  assertEquals({ live, peak }, { live: 120, peak: 150 });
  assertEquals([byRole.weight, byRole.activation, byRole.scratch], [100, 0, 20]);
  assertEquals([peakByRole.weight, peakByRole.activation, peakByRole.scratch], [100, 50, 0]);
});

Deno.test("padding is counted apart", () => {
  const ledger = new Ledger();
  ledger.add("optimizer", 10, 246);
  assertEquals([ledger.read().live, ledger.read().padding], [10, 246]);
  ledger.remove("optimizer", 10, 246);
  assertEquals([ledger.read().live, ledger.read().padding, ledger.read().peak], [0, 0, 10]);
});

Deno.test("the peak can begin anew", () => {
  const ledger = new Ledger();
  ledger.add("weight", 100);
  ledger.remove("weight", 60);
  ledger.resetPeak();
  assertEquals(ledger.read().peak, 40);
  ledger.add("weight", 10);
  assertEquals(ledger.read().peak, 50);
});

Deno.test("a reading does not change afterwards", () => {
  const ledger = new Ledger();
  const before = ledger.read();
  ledger.add("weight", 1);
  assertEquals(before.byRole.weight, 0);
});

Deno.test("launches are counted by kernel and by the role that they write", () => {
  const ledger = new Ledger();
  ledger.countLaunch("matmul", "gradient");
  ledger.countLaunch("matmul", "activation");
  ledger.countLaunch("matmul", "gradient");
  assertEquals([...ledger.launches], [["matmul > gradient", 2], ["matmul > activation", 1]]);
});
