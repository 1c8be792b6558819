/**
 * The bounds of the system, unit and bound in the name. Reaching one is a tested path. Bounds that
 * are part of a durable or wire format must be the same on every node of a cluster.
 */
import { assert } from "./assert.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Body of one frame between nodes. Above the largest batch and the largest snapshot chunk. */
export const FRAME_BODY_BYTES_MAX = 96 * MIB;

/** Body of a frame before the other side has said who it is. */
export const HANDSHAKE_BODY_BYTES_MAX = 256 * KIB;

/** What waits for one peer before the oldest messages are dropped. Room for one largest frame. */
export const PEER_QUEUE_BYTES_MAX = 128 * MIB;

/** Messages that wait for one peer before the oldest are dropped. */
export const PEER_QUEUE_FRAMES_MAX = 16_384;

/** Bytes handed to a peer's socket and not yet taken by the system; the rest waits in our queue. */
export const PEER_SOCKET_BYTES_MAX = 4 * MIB;

/** Connections between nodes that have not yet said who they are. */
export const PENDING_HANDSHAKES_MAX = 64;

/** From the first byte of a connection between nodes to the end of its handshake. */
export const HANDSHAKE_DURATION_MS_MAX = 5_000;

/** Members of a cluster, and so names in a bootstrap list. */
export const MEMBERS_MAX = 63;

/** Prepared statements that one client may hold. */
export const STATEMENTS_PER_CLIENT_MAX = 10_000;

/** Body of an HTTP request. */
export const HTTP_BODY_BYTES_MAX = 64 * KIB;

/** Connections to the HTTP port at a time. */
export const HTTP_CONNECTIONS_MAX = 256;

assert(HANDSHAKE_BODY_BYTES_MAX < FRAME_BODY_BYTES_MAX, "a handshake is smaller than a message");
assert(FRAME_BODY_BYTES_MAX < PEER_QUEUE_BYTES_MAX, "the largest frame fits the queue of a peer");

/** Commands in one slot. Part of the format: identifiers of sessions and databases are slot * this + place. */
export const BATCH_COMMANDS_MAX = 1024;

/** Bytes of commands in one message to the leader; a larger command goes alone. */
export const PROPOSED_BYTES_MAX = 4 * MIB;

/** Commands in one message to the leader. */
export const PROPOSED_COMMANDS_MAX = 4096;

/** Commands of one node's clients that wait for their outcome; beyond it new ones are refused. */
export const PENDING_COMMAND_BYTES_MAX = 256 * MIB;

/** Databases in a cluster; each is an open file with its own connections. */
export const DATABASES_MAX = 256;

/**
 * Outcomes remembered for one gateway session. A command whose sequence is this far below the
 * newest is answered with "unknown". Changes what replicas answer: the same on every node.
 */
export const OUTCOMES_PER_SESSION_MAX = 65_536;

/** Prepared statements kept by one connection. */
export const PREPARED_STATEMENTS_MAX = 512;

/** Texts above this length are prepared anew each time. */
export const PREPARED_TEXT_LENGTH_MAX = 16 * KIB;

/** Open cursors of readers, each holding a connection and a SQLite read transaction. */
export const READ_CURSORS_MAX = 64;

/** Idle connections kept for reads of one database by one reader thread. */
export const IDLE_READERS_PER_DATABASE_MAX = 4;

/** Idle connections kept by one reader over all databases: each has files, a schema and pages in memory. */
export const IDLE_READERS_MAX = 32;

/** A cursor from which nobody read for this long is closed. */
export const CURSOR_IDLE_MS_MAX = 300_000;

/** How long close() waits for a reader thread that is inside a statement. */
export const READER_CLOSE_MS_MAX = 2_000;

/** Pages copied at once while a snapshot is taken; between two such steps other work gets a turn. */
export const SNAPSHOT_STEP_PAGES = 256;

/** A snapshot's copy is synced each time this much was written (faults rule 31). */
export const SNAPSHOT_SYNC_BYTES = 8 * MIB;

/** Values of a sequence that one gateway may set aside at once. Part of what replicas answer. */
export const RESERVED_VALUES_MAX = 65_536;

/** How many of the newest transaction ids have their status kept. Part of what replicas answer. */
export const TRANSACTION_STATUSES_MAX = 1_000_000;

/** Advisory locks of one database, and clients that wait for one. Part of what replicas answer. */
export const ADVISORY_LOCKS_MAX = 10_000;

/**
 * Rows that one statement of the log may look at in nested loops and functions in FROM: a minute's
 * work or so, during which the node applies nothing else. Part of what replicas answer.
 */
export const STATEMENT_ROWS_MAX = 100_000_000;

/**
 * Bytes of the rows that a statement of the log returns, or a query behind a change in a transaction:
 * they are in memory all at once. Part of what replicas answer.
 */
export const RESULT_BYTES_MAX = 64 * MIB;

/** Statements and savepoints of one interactive transaction. */
export const TRANSACTION_ITEMS_MAX = 100_000;

/** Texts and parameters of one interactive transaction, as they go to the log. */
export const TRANSACTION_BYTES_MAX = 32 * MIB;

/** Moments that one reader thread holds for transactions that have only read so far. */
export const READ_VIEWS_MAX = 64;

/** Moments held by the thread that answers clients, for transactions whose queries are short. */
export const NEAR_VIEWS_MAX = 32;

/** A held moment that no query used for this long is let go: SQLite's -wal grows while it is held. */
export const VIEW_IDLE_MS_MAX = 10_000;

/** Single steps of a regular expression whose repetitions are written out. Part of what replicas answer. */
export const REGEXP_SIZE_MAX = 10_000;

/**
 * Those steps times the characters of a text that a search, or one for all matches, may have to read: a minute's
 * work or so. Part of what replicas answer.
 */
export const REGEXP_WORK_MAX = 2_000_000_000;

/**
 * Characters of a text times those of the LIKE or ILIKE pattern that it is compared with: a minute's work or so. Part of
 * what replicas answer.
 */
export const LIKE_WORK_MAX = 2_000_000_000;

/** A pattern of so many characters is not looked at before: it takes no long over any text that fits. */
export const LIKE_PATTERN_SHORT = 100;

/** Bytes of a pattern that SQLite's own LIKE takes: its SQLITE_MAX_LIKE_PATTERN_LENGTH. */
export const LIKE_PATTERN_BYTES_MAX = 50_000;
