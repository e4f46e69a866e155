DO $$
DECLARE
    v_name text;
BEGIN
    FOR v_name IN SELECT name FROM pg_prepared_statements WHERE name ~ '^s[0-9]+$' LOOP
        EXECUTE format('DEALLOCATE %I', v_name);
    END LOOP;
END $$
