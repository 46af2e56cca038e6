/**
 * How the read side's tables are made, out of the database's own catalogue: so that migrations alone define them, and a second
 * set is made as the first one is (read-next.ts). Partitions are `read.ensure_partitions`' business and are not looked at.
 */
import type { Client } from 'pg'
import type { ReadSchema } from './read-cursor.ts'

/** Statements that make the tables of `read` once more in `read_next`, without rows and partitions. In their order. */
export async function cloneStatements(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ statement: string }>(cloneText)
  return rows.map(({ statement }) => statement)
}

/** Everything that makes the schema's tables what they are, a line each; of equal ones the lines are equal. */
export async function describeTables(client: Client, schema: ReadSchema): Promise<readonly string[]> {
  const { rows } = await client.query<{ line: string }>(describeText, [schema])
  return rows.map(({ line }) => line)
}

/** The first line that one of the two has and the other has not; undefined where both are made alike. */
export async function definitionDifference(client: Client): Promise<string | undefined> {
  const { rows } = await client.query<{ line: string }>(differenceText)
  return rows[0]?.line
}

const parents = (schema: string): string => `
  SELECT c.*, format('read_next.%I', c.relname) AS target FROM pg_class c
  WHERE c.relnamespace = ${schema}::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`

const rightsOf = `aclexplode(coalesce(t.relacl, acldefault('r', t.relowner)))`
const nameOf = (role: string): string => `CASE ${role} WHEN 0 THEN 'PUBLIC' ELSE ${role}::regrole::text END`
const namesOf = (roles: string): string =>
  `(SELECT string_agg(${nameOf('r')}, ', ' ORDER BY r) FROM unnest(${roles}) AS r)`

/** Indexes that constraints do not bring along. */
const ownIndexes = `pg_index i WHERE i.indrelid = t.oid
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = t.oid)`

const cloneText = `
  WITH t AS (${parents(`'read'`)})
  SELECT statement FROM (
    SELECT relname, 1 AS step, format('CREATE TABLE %s (LIKE read.%I INCLUDING ALL EXCLUDING INDEXES)%s%s', target, relname,
      ' PARTITION BY ' || pg_get_partkeydef(oid), ' WITH (' || array_to_string(reloptions, ', ') || ')') AS statement FROM t
    UNION ALL
    SELECT relname, 2, format('COMMENT ON TABLE %s IS %L', target, obj_description(oid, 'pg_class')) FROM t
    UNION ALL
    SELECT t.relname, 3, format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, c.conname, pg_get_constraintdef(c.oid))
    FROM t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT t.relname, 3, regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?read\\.', ' ON read_next.')
    FROM t CROSS JOIN LATERAL (SELECT i.indexrelid FROM ${ownIndexes}) i
    UNION ALL
    SELECT relname, 4, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target) FROM t WHERE relrowsecurity
    UNION ALL
    SELECT relname, 4, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target) FROM t WHERE relforcerowsecurity
    UNION ALL
    SELECT t.relname, 5, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, target,
      CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      ${namesOf('p.polroles')}, ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
      ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM t JOIN pg_policy p ON p.polrelid = t.oid
    UNION ALL
    SELECT relname, 6, format('REVOKE ALL ON %s FROM PUBLIC, %s', target, relowner::regrole) FROM t
    UNION ALL
    SELECT t.relname, 7, format('GRANT %s ON %s TO %s%s', string_agg(a.privilege_type, ', '), target, ${nameOf('a.grantee')},
      CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
    FROM t CROSS JOIN LATERAL ${rightsOf} a GROUP BY t.relname, target, a.grantee, a.is_grantable
  ) s ORDER BY relname, step, statement`

const describe = (schema: string): string => `
  WITH t AS (${parents(schema)})
  SELECT line FROM (
    SELECT format('table %s of %s, kind %s, by %s, with %s, row-level security %s, forced %s, identity %s: %s', relname,
      relowner::regrole, relkind, pg_get_partkeydef(oid), reloptions, relrowsecurity, relforcerowsecurity, relreplident,
      obj_description(oid, 'pg_class')) AS line FROM t
    UNION ALL
    SELECT format('column %s.%s %s, collation %s, not null %s, storage %s %s, identity %s, generated %s, statistics %s, rights %s, default %s: %s',
      t.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation, a.attnotnull, a.attstorage, a.attcompression,
      a.attidentity, a.attgenerated, a.attstattarget, a.attacl, pg_get_expr(d.adbin, d.adrelid), col_description(t.oid, a.attnum))
    FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    UNION ALL
    -- one that holds for new rows alone holds for all in a new table
    SELECT format('constraint %s on %s: %s', c.conname, t.relname, replace(pg_get_constraintdef(c.oid), ' NOT VALID', ''))
    FROM t JOIN pg_constraint c ON c.conrelid = t.oid
    UNION ALL
    SELECT format('%s, valid %s', regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?' || ${schema} || '\\.', ' ON '), i.indisvalid)
    FROM t JOIN pg_index i ON i.indrelid = t.oid
    UNION ALL
    SELECT format('policy %s on %s, permissive %s, for %s to %s, using %s, with check %s', p.polname, t.relname, p.polpermissive,
      p.polcmd, ${namesOf('p.polroles')}, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM t JOIN pg_policy p ON p.polrelid = t.oid
    UNION ALL
    SELECT format('right %s on %s to %s, grantable %s', a.privilege_type, t.relname, ${nameOf('a.grantee')}, a.is_grantable)
    FROM t CROSS JOIN LATERAL ${rightsOf} a
    UNION ALL
    SELECT format('trigger %s on %s', g.tgname, t.relname) FROM t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT format('rule %s on %s', r.rulename, t.relname) FROM t JOIN pg_rewrite r ON r.ev_class = t.oid
    UNION ALL
    SELECT format('statistics %s on %s', s.stxname, t.relname) FROM t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
  ) s`

const describeText = `${describe('$1::text')} ORDER BY line`
const [live, next] = [`(${describe(`'read'`)})`, `(${describe(`'read_next'`)})`]
const differenceText = `(${live} EXCEPT ${next}) UNION ALL (${next} EXCEPT ${live}) ORDER BY 1 LIMIT 1`
