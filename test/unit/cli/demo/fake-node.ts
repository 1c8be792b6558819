/**
 * A program that behaves towards the demo as a node does: it listens on the address behind --http=,
 * says ready, and stops on SIGTERM or when its standard input ends. FAKE_NODE changes that:
 * "stubborn" ignores both, "refused" ends at once.
 */
export const FAKE_NODE = `
  const flags = process.argv.slice(1);
  const http = flags.find((flag) => flag.startsWith("--http=")).slice("--http=".length);
  const [host, port] = http.split(":");
  if (process.env.FAKE_NODE === "refused") {
    console.error("synod: refused");
    process.exit(1);
  }
  if (process.env.FAKE_NODE === "stubborn") {
    process.on("SIGTERM", () => console.log("ignored"));
  } else {
    process.on("SIGTERM", () => { console.log("stopping"); process.exit(0); });
    process.stdin.on("end", () => process.exit(0)).resume();
  }
  require("node:http").createServer((_, answer) => answer.end("ready"))
    .listen(Number(port), host, () => console.log("up"));
`;
