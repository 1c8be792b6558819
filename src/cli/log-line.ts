/** The logger's JSON lines for people: time, level where it matters, message, and the fields behind it. */

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: "debug",
  30: "",
  40: "WARNING",
  50: "ERROR",
  60: "FATAL",
};
/** Said elsewhere on the line, or of no use to people. */
const FIELDS_HIDDEN = new Set(["level", "time", "msg", "pid", "hostname", "node", "role"]);

/** `line` as it came if it is no log line. */
export function formatLogLine(line: string): string {
  const record = parseRecord(line);
  if (record === null) return line;
  const time = new Date(Number(record["time"])).toISOString().slice(11, 23);
  const level = LEVEL_NAMES[Number(record["level"])] ?? "";
  const fields: string[] = [];
  for (const [key, value] of Object.entries(record)) {
    if (FIELDS_HIDDEN.has(key) || value === undefined) continue;
    fields.push(`${key}=${formatField(key, value)}`);
  }
  const parts = [time, level, formatField("msg", record["msg"]), fields.join(" ")];
  return parts.filter((part) => part !== "").join(" ");
}

function parseRecord(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return typeof value["time"] === "number" ? value : null;
  } catch {
    return null;
  }
}

function formatField(key: string, value: unknown): string {
  if (typeof value === "string")
    return key === "msg" || !value.includes(" ") ? value : `"${value}"`;
  if (key === "err" && typeof value === "object" && value !== null && "stack" in value) {
    return String(value.stack);
  }
  return value === undefined ? "" : JSON.stringify(value);
}
