-- Background jobs: the truth about each. Redis only wakes whoever works on them. Revision 0003 runs this file.

create table jobs (
    id uuid default gen_random_uuid() not null,
    kind varchar(50) not null,
    owner uuid,
    payload jsonb default '{}' not null,
    status varchar(20) default 'queued' not null,
    progress_percent integer default 0 not null,
    message varchar(500),
    attempts integer default 0 not null,
    run_after timestamptz default clock_timestamp() not null,
    locked_by uuid,
    locked_until timestamptz,
    error_code varchar(50),
    result jsonb,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    constraint jobs_status check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    constraint jobs_progress_percent check (progress_percent between 0 and 100),
    -- Who runs a job says so, and nobody else holds it.
    constraint jobs_lease check ((status = 'running') = (locked_by is not null and locked_until is not null)),
    -- A job that erases its owner goes on without one.
    foreign key(owner) references users (id) on delete set null
);

create index idx_jobs_due on jobs (run_after, id) where status in ('queued', 'running');

create index idx_jobs_owner on jobs (owner, created_at, id);

-- Row policies. One's own jobs can be seen; only the program works on them.
alter table jobs enable row level security;

alter table jobs force row level security;

create policy jobs_read on jobs for select using (
    (select app_sees_all()) or owner = (select app_user_id())
);

create policy jobs_insert on jobs for insert with check ((select app_sees_all()));

create policy jobs_update on jobs for update using (
    (select app_role()) = 'system'
) with check (
    (select app_role()) = 'system'
);

create policy jobs_delete on jobs for delete using (
    (select app_role()) = 'system'
);

grant select, insert, update, delete on jobs to studygraph_app;
