/** Bounds of the PostgreSQL protocol side. Lengths are those that a message announces, in bytes. */

/** Longest startup packet, and longest message of a kind that has no reason to be long (PostgreSQL's). */
export const SMALL_MESSAGE_BYTES_MAX = 10_000;

/** Longest Query, Parse, Bind or CopyData, unless configured otherwise. */
export const LARGE_MESSAGE_BYTES_DEFAULT = 16 * 1024 * 1024;

/** Input that may wait unread while a statement runs; beyond it the socket is not read. */
export const INPUT_WAITING_BYTES_MAX = 256 * 1024;

/** Data of a COPY FROM is handed on when so much of it is here, or nothing more is. */
export const COPY_STEP_BYTES = 64 * 1024;

/** Output is handed to the socket when it has grown beyond this. */
export const OUTPUT_CHUNK_BYTES = 64 * 1024;

/** Rows are pulled in pages of about OUTPUT_CHUNK_BYTES, but never more than this at once. */
export const ROWS_PER_PAGE_MAX = 1024;

/** Before the size of its rows is known, a result's first page has this many. */
export const ROWS_IN_FIRST_PAGE = 16;

/** Portals that one client may hold. */
export const PORTALS_PER_CLIENT_MAX = 10_000;

/** Rows of a FETCH that its client has not taken when the cursor is used otherwise. */
export const FETCHED_ROWS_KEPT_MAX = 10_000;

/** From the connection to the end of the startup packet. */
export const STARTUP_DEADLINE_MS = 10_000;

/** A call that runs while its client goes away gets this long to end before the session is closed. */
export const ABANDONED_CALL_MS = 5_000;

/** Sockets beyond the sessions allowed: clients in their startup, cancel requests. */
export const SPARE_SOCKETS = 100;
