-- The roles that the documents name. They belong to the server, and several tests may make them at
-- once.
DO $$
BEGIN
    CREATE ROLE app LOGIN PASSWORD 'app';
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
DO $$
BEGIN
    CREATE ROLE acme_app LOGIN PASSWORD 'acme_app';
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
