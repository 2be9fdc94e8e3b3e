-- Everything of the current schema but what belongs to an extension or to something else that goes anyway.
DO $$
DECLARE
    here oid := current_schema()::regnamespace;
    statement text;
    -- All of them before the first is executed: what is gone has no name.
    statements text[] := ARRAY(
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                                   WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
                      oid::regclass)
        FROM pg_class
        WHERE relnamespace = here AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
          AND NOT EXISTS (SELECT 1 FROM pg_depend
                          WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND objsubid = 0
                            AND (deptype = 'e' OR relkind = 'S' AND deptype IN ('a', 'i')))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = here AND prokind <> 'a'
          AND NOT EXISTS (SELECT 1 FROM pg_depend
                          WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype IN ('e', 'i'))
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype)
        FROM pg_type
        WHERE typnamespace = here AND typtype IN ('e', 'd', 'c', 'r')
          AND NOT EXISTS (SELECT 1 FROM pg_class WHERE pg_class.oid = typrelid AND relkind <> 'c')
          AND NOT EXISTS (SELECT 1 FROM pg_depend
                          WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid AND deptype IN ('e', 'i')));
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
