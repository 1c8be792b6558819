/**
 * How SQL values are held between SQLite and the wire ("storage form"):
 *
 * | PostgreSQL type            | storage form |
 * | bool                       | bigint 0 or 1 |
 * | int2 int4 int8 oid reg*    | bigint |
 * | float4 float8              | number (float4 rounded by Math.fround) |
 * | numeric                    | string, plain decimal digits as PostgreSQL prints them ("1.50", "NaN"); compared through numeric_key() |
 * | text varchar bpchar name…  | string (compared by code point, collation "C") |
 * | bytea                      | Uint8Array |
 * | date                       | string YYYY-MM-DD |
 * | time                       | string HH:MM:SS.ffffff |
 * | timestamp                  | string YYYY-MM-DD HH:MM:SS.ffffff (always six digits: sorts as text) |
 * | timestamptz                | the same, in UTC |
 * | interval                   | string as PostgreSQL prints it (IntervalStyle postgres) |
 * | uuid                       | string, lower case with dashes |
 * | json                       | string as given |
 * | jsonb                      | string, canonical (keys ordered and spaced as PostgreSQL prints) |
 * | arrays                     | string, a JSON array of storage forms (nested for dimensions) |
 */
export type SqliteValue = null | bigint | number | string | Uint8Array;
