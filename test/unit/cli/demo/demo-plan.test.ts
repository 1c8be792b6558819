import { describe, expect, test } from "vitest";
import { demoInstructions, planDemo } from "../../../../src/cli/demo/demo-plan.ts";

const settings = { nodes: 3, data: "data/demo", basePort: 5432, logLevel: "info" };

describe("demo plan", () => {
  test("three nodes have the documented ports and one bootstrap list", () => {
    const nodes = planDemo(settings);
    expect(nodes.map((node) => [node.sql, node.peer, node.http])).toEqual([
      ["127.0.0.1:5432", "127.0.0.1:7001", "127.0.0.1:8001"],
      ["127.0.0.1:5433", "127.0.0.1:7002", "127.0.0.1:8002"],
      ["127.0.0.1:5434", "127.0.0.1:7003", "127.0.0.1:8003"],
    ]);
    const list = "--bootstrap=n1@127.0.0.1:7001,n2@127.0.0.1:7002,n3@127.0.0.1:7003";
    for (const node of nodes) expect(node.startArguments).toContain(list);
  });

  test("another base port moves all ports", () => {
    const [first] = planDemo({ ...settings, basePort: 15_432 });
    expect(first).toMatchObject({ peer: "127.0.0.1:17001", http: "127.0.0.1:18001" });
  });

  test("the instructions name free ports for one more node and a seed", () => {
    const text = demoInstructions(planDemo(settings), [11, 12, 13], "bin/synod.mjs").join("\n");
    expect(text).toContain("psql -h 127.0.0.1 -p 5433 -U synod");
    expect(text).toContain("kill -9 12   # n2; again: bin/synod.mjs start --data data/demo/n2");
    expect(text).toContain(
      "bin/synod.mjs start --id n4 --data ./data/n4 --join 127.0.0.1:7001 --sql 127.0.0.1:5435 --peer 127.0.0.1:7004 --http 127.0.0.1:8004",
    );
  });
});
