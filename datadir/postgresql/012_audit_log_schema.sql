-- The audit log: who read or changed whose records, one row after the other, each with the hash of the one before.
-- Ids and words of the schema only; the checks leave no room for texts. Revision 0004 runs this file.

create table audit_log (
    id uuid default gen_random_uuid() not null,
    position bigint not null,
    created_at timestamptz default now() not null,
    actor_id uuid,
    action varchar(50) not null,
    operation varchar(100) default '' not null,
    request_id varchar(64) default '' not null,
    outcome varchar(20) default 'done' not null,
    subjects text[] default '{}' not null,
    fields text[] default '{}' not null,
    previous varchar(64) not null,
    hash varchar(64) not null,
    primary key (position),
    unique (id),
    -- Two rows cannot follow one: whatever else fails, the chain has no fork.
    unique (previous),
    constraint audit_log_action check (action ~ '^[A-Za-z]+$'),
    constraint audit_log_operation check (operation ~ '^[0-9A-Z_a-z]*$'),
    constraint audit_log_request check (request_id ~ '^[0-9A-Za-z-]*$'),
    constraint audit_log_outcome check (outcome in ('done', 'refused')),
    constraint audit_log_subjects check (array_to_string(subjects, '') ~ '^[0-9A-Z_a-z:-]*$'),
    constraint audit_log_fields check (array_to_string(fields, '') ~ '^[0-9A-Z_a-z.]*$')
);

create index idx_audit_log_actor on audit_log (actor_id, position);

create index idx_audit_log_subjects on audit_log using gin (subjects);

-- Whoever writes gives what happened; where it stands in the chain, and when that was, is decided here. One at a time:
-- the lock is held until the transaction ends, so that the row before is one that stays. What is hashed is told in
-- datadir/postgresql/audit_log.py, which computes it again.
create function app_audit_chain() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
declare
    before record;  -- the last row that there is
    acting text := coalesce(current_setting('app.role', true), '');  -- who acts
begin
    perform pg_advisory_xact_lock(7378697629483820648);  -- from here on nobody else writes
    perform set_config('app.role', 'system', true);  -- the rows before are not for everybody who writes one
    select position, hash into before from public.audit_log order by position desc limit 1;  -- none: the first row
    perform set_config('app.role', acting, true);  -- the row's own policy comes after this
    new.position := coalesce(before.position, 0) + 1;  -- without a gap, whatever was rolled back
    new.previous := coalesce(before.hash, repeat('0', 64));  -- of the first row
    new.created_at := clock_timestamp();  -- not the transaction's: later rows are not earlier
    new.hash := encode(sha256(convert_to(concat_ws(E'\n',
        new.previous, new.position, new.id, (extract(epoch from new.created_at) * 1000000)::bigint,
        coalesce(new.actor_id::text, ''), new.action, new.operation, new.request_id, new.outcome,
        cardinality(new.subjects), array_to_string(new.subjects, ',', ''),
        cardinality(new.fields), array_to_string(new.fields, ',', '')), 'UTF8')), 'hex'); return new; end $$;

create trigger audit_log_chain before insert on audit_log for each row execute function app_audit_chain();

-- Row policies. Nobody changes a row or takes one away: there is no policy for it, and the application has no right to.
-- Whoever acts writes of themselves; the program, of anybody.
alter table audit_log enable row level security;

alter table audit_log force row level security;

create policy audit_log_read on audit_log for select using ((select app_sees_all()));

create policy audit_log_insert on audit_log for insert with check (
    (select app_role()) = 'system' or actor_id = (select app_user_id())
);

grant select on audit_log to studygraph_app;

grant insert (id, actor_id, action, operation, request_id, outcome, subjects, fields) on audit_log to studygraph_app;
