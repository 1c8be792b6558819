/** The names of one session's prepared statements. */
import { expect, it } from "vitest";
import { STATEMENTS_PER_CLIENT_MAX } from "../../../src/base/limits.ts";
import { PreparedStatements } from "../../../src/sql/prepared-statements.ts";

const statement = { text: "SELECT 1", parameterTypes: [], columns: null };

it("a name is given once, until it is forgotten; the unnamed one as often as anybody likes", () => {
  const statements = new PreparedStatements();
  statements.add("s", statement);
  const taken = expect.objectContaining({ sqlState: "42P05" });
  expect(() => statements.add("s", statement)).toThrow(taken);
  statements.deallocate("s");
  statements.add("s", statement);
  statements.forget("nobody");
  statements.add("", statement);
  statements.add("", statement);
  statements.clear();
  expect(statements.get("")).toBe(statement);
  statements.forget("");
  for (const name of ["s", ""]) {
    const missing = expect.objectContaining({ sqlState: "26000" });
    expect(() => statements.get(name)).toThrow(missing);
    expect(() => statements.deallocate(name)).toThrow(missing);
  }
});

it("10,000 are as many as a client may have: 54000 for one more", () => {
  const statements = new PreparedStatements();
  for (let at = 0; at < STATEMENTS_PER_CLIENT_MAX; at += 1) statements.add(`s${at}`, statement);
  expect(() => statements.add("more", statement)).toThrow(
    expect.objectContaining({
      sqlState: "54000",
      message: "too many prepared statements: the limit is 10000",
    }),
  );
  statements.forget("s0");
  statements.add("more", statement);
});
