-- Roles belong to the server, and several tests may make this one at once.
DO $$
BEGIN
    CREATE ROLE app LOGIN PASSWORD 'app';
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
