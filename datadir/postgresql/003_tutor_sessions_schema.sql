-- Talks with the tutor (seed 002, and the migration that seed 000 names). Revision 0002 runs this file.
-- Without the extension `vector` a column of it is `real[]`: it keeps what it is given and finds nothing near. No index
-- over all vectors either: only one's own rows are compared, and those the learner's id finds.

create table tutor_sessions (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    title varchar(200),
    subject varchar(100),
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (id, user_id),
    foreign key(user_id) references users (id) on delete cascade
);

do $$ begin
    execute 'alter table tutor_sessions add column context_vector '
        || case when to_regtype('vector') is null then 'real[]' else 'vector(1536)' end; end $$;

create index idx_tutor_sessions_user on tutor_sessions (user_id, updated_at, id);

create table tutor_messages (
    id uuid default gen_random_uuid() not null,
    session_id uuid not null,
    role varchar(20) not null,
    content text not null,
    citations jsonb default '[]' not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(session_id) references tutor_sessions (id) on delete cascade
);

create index idx_tutor_messages_session on tutor_messages (session_id, created_at, id);

create table session_intelligence (
    session_id uuid not null,
    user_id uuid not null,
    topic varchar(200),
    summary text,
    confusion_score double precision,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (session_id),
    foreign key(session_id, user_id) references tutor_sessions (id, user_id) on delete cascade
);

create index idx_session_intelligence_user on session_intelligence (user_id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
-- An update's row has to pass before and after.
alter table tutor_sessions enable row level security;

alter table tutor_sessions force row level security;

-- The answering service has to find the session that it answers in, not what was said there.
create policy tutor_sessions_read on tutor_sessions for select using (
    (select app_sees_all()) or user_id = (select app_user_id()) or (select app_role()) = 'service'
);

create policy tutor_sessions_insert on tutor_sessions for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy tutor_sessions_update on tutor_sessions for update using (
    (select app_sees_all()) or user_id = (select app_user_id()) or (select app_role()) = 'service'
);

create policy tutor_sessions_delete on tutor_sessions for delete using ((select app_sees_all()));

grant select, insert, update, delete on tutor_sessions to studygraph_app;

alter table tutor_messages enable row level security;

alter table tutor_messages force row level security;

create policy tutor_messages_read on tutor_messages for select using (
    (select app_sees_all())
    or exists (
        select from tutor_sessions s where s.id = tutor_messages.session_id and s.user_id = (select app_user_id())
    )
);

create policy tutor_messages_insert on tutor_messages for insert with check (
    (select app_sees_all())
    or (select app_role()) = 'service'
    or (
        role = 'user'
        and exists (
            select from tutor_sessions s where s.id = tutor_messages.session_id and s.user_id = (select app_user_id())
        )
    )
);

create policy tutor_messages_update on tutor_messages for update using ((select app_sees_all()));

create policy tutor_messages_delete on tutor_messages for delete using ((select app_sees_all()));

grant select, insert, update, delete on tutor_messages to studygraph_app;

alter table session_intelligence enable row level security;

alter table session_intelligence force row level security;

-- Whoever rewrites a row has to see it.
create policy session_intelligence_read on session_intelligence for select using (
    (select app_sees_all())
    or user_id = (select app_user_id())
    or (select app_role()) = 'service'
    or exists (
        select from classroom_members m
        where m.user_id = session_intelligence.user_id and m.classroom_id = any((select app_taught_ids())::uuid[])
    )
);

create policy session_intelligence_insert on session_intelligence for insert with check (
    (select app_sees_all()) or (select app_role()) = 'service'
);

create policy session_intelligence_update on session_intelligence for update using (
    (select app_sees_all()) or (select app_role()) = 'service'
);

create policy session_intelligence_delete on session_intelligence for delete using ((select app_sees_all()));

grant select, insert, update, delete on session_intelligence to studygraph_app;
