import { beforeEach, describe, expect, it } from "vitest";
import { SessionSettings } from "../../../../src/sql/settings/session-settings.ts";

describe("session settings", () => {
  let settings: SessionSettings;

  beforeEach(() => {
    settings = new SessionSettings();
  });

  it("SHOW finds a name in any case", () => {
    expect(settings.show("timezone")).toBe("UTC");
    expect(settings.show("TimeZone")).toBe("UTC");
  });

  it("RESET goes back to what the connection started with", () => {
    settings.startup(new Map([["TimeZone", "Europe/Rome"]]));
    settings.set("timezone", "Asia/Tokyo");
    settings.reset("TimeZone");
    expect(settings.show("TimeZone")).toBe("Europe/Rome");
  });

  it("an unknown plain name is refused, one with a dot is the client's own", () => {
    expect(() => settings.set("no_such_thing", "1")).toThrow(
      'unrecognized configuration parameter "no_such_thing"',
    );
    settings.set("myapp.user", "42");
    expect(settings.show("myapp.user")).toBe("42");
    expect(() => settings.show("myapp.other")).toThrow("unrecognized");
  });

  it("an unknown synod setting is a typing error, not the client's own", () => {
    expect(() => settings.set("synod.read_consistancy", "stale")).toThrow("unrecognized");
  });

  it("a value that would mean something that Synod does not do is refused", () => {
    expect(() => settings.set("standard_conforming_strings", "off")).toThrow("can only be on");
    expect(() => settings.set("client_encoding", "LATIN1")).toThrow("use UTF8");
    settings.set("client_encoding", "utf-8");
    expect(settings.show("client_encoding")).toBe("UTF8");
  });

  it("what the server is cannot be set", () => {
    expect(() => settings.set("server_version", "9.6")).toThrow("cannot be changed");
  });

  it("durations take PostgreSQL's units", () => {
    settings.set("synod.max_staleness", "2s");
    expect(settings.maxStalenessMs).toBe(2000);
    expect(() => settings.set("synod.max_staleness", "soon")).toThrow("invalid value");
  });

  it("reads are linearizable unless the session says otherwise", () => {
    expect(settings.readsStale).toBe(false);
    settings.set("synod.read_consistency", "stale");
    expect(settings.readsStale).toBe(true);
    expect(() => settings.set("synod.read_consistency", "eventual")).toThrow("invalid value");
  });

  describe("SET LOCAL", () => {
    it("ends with the transaction, and what SET gave before is back", () => {
      settings.set("lock_timeout", "1s");
      settings.setLocal("lock_timeout", "2s");
      settings.setLocal("lock_timeout", "3s");
      expect(settings.show("lock_timeout")).toBe("3s");
      settings.endLocal();
      expect(settings.show("lock_timeout")).toBe("1s");
    });

    it.each([
      ["SET", () => settings.set("lock_timeout", "5s"), "5s"],
      ["RESET", () => settings.reset("lock_timeout"), "0"],
      ["SET TO DEFAULT", () => settings.set("lock_timeout", null), "0"],
      ["RESET ALL", () => settings.resetAll(), "0"],
    ])("gives way to a %s that follows it", (_name, follow, expected) => {
      settings.set("lock_timeout", "1s");
      settings.setLocal("lock_timeout", "2s");
      follow();
      settings.endLocal();
      expect(settings.show("lock_timeout")).toBe(expected);
    });

    it("is as it was before the savepoint that is rolled back to", () => {
      settings.setLocal("lock_timeout", "1s");
      const undo = settings.savepoint();
      settings.set("lock_timeout", "2s");
      settings.setLocal("statement_timeout", "2s");
      undo();
      expect(settings.show("lock_timeout")).toBe("1s");
      expect(settings.show("statement_timeout")).toBe("0");
      settings.endLocal();
      expect(settings.show("lock_timeout")).toBe("0");
    });
  });
});
