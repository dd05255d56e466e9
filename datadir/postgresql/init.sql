-- What only a superuser may do, once in each database, before the program migrates it as its ordinary owner:
--   psql --dbname studygraph --file datadir/postgresql/init.sql
-- docker-compose.yml runs it in a new volume. An owner who may create extensions and roles needs it not: the first
-- revision does the same. May be repeated; PostgreSQL 15 to 18.

-- Embeddings that callers bring along. Without it they are kept, and nothing finds what is near.
do $$ begin
    if exists (select from pg_available_extensions where name = 'vector') then
        create extension if not exists vector; end if; end $$;

-- The application works as this role, whoever logs in: it owns nothing and cannot bypass row security.
do $$ begin
    if not exists (select from pg_roles where rolname = 'studygraph_app') then
        create role studygraph_app nologin; end if; exception when duplicate_object or unique_violation then null; end $$;

do $$ declare owner text := (select pg_get_userbyid(datdba) from pg_database where datname = current_database()); begin
    execute format('grant studygraph_app to %I', owner); end $$;
