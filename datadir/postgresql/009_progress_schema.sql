-- Progress, scores, study items and notes (seeds 001 and 002). Revision 0002 runs this file.

create table topics (
    id uuid default gen_random_uuid() not null,
    name varchar(200) not null,
    subject varchar(100) not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (subject, name)
);

create table progress (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    topic_id uuid not null,
    mastery_level numeric(3, 2) default 0 not null,
    time_spent_minutes integer default 0 not null,
    last_activity timestamptz default now() not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (user_id, topic_id),
    foreign key(user_id) references users (id),
    foreign key(topic_id) references topics (id)
);

create index idx_progress_topic on progress (topic_id);

create index idx_progress_user on progress (user_id, last_activity, id);

create table scores (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    category varchar(100) not null,
    score double precision not null,
    at timestamptz default now() not null,
    metadata jsonb default '{}' not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(user_id) references users (id)
);

create index idx_scores_user on scores (user_id, at, id);

create table study_items (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    type varchar(20) not null,
    content jsonb not null,
    progress double precision default 0 not null,
    last_reviewed timestamptz,
    next_review timestamptz default now() not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(user_id) references users (id) on delete cascade
);

create index idx_study_items_due on study_items (user_id, next_review, id);

create table notes (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    type varchar(50) not null,
    content text not null,
    metadata jsonb default '{}' not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(user_id) references users (id) on delete cascade
);

do $$ begin
    execute 'alter table notes add column embedding '
        || case when to_regtype('vector') is null then 'real[]' else 'vector(1536)' end; end $$;

create index idx_notes_user on notes (user_id, created_at, id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
-- An update's row has to pass before and after.
alter table topics enable row level security;

alter table topics force row level security;

create policy topics_read on topics for select using ((select app_sees_all()) or (select app_user_id()) is not null);

create policy topics_insert on topics for insert with check ((select app_sees_all()));

create policy topics_update on topics for update using ((select app_sees_all()));

create policy topics_delete on topics for delete using ((select app_sees_all()));

grant select, insert, update, delete on topics to studygraph_app;

alter table progress enable row level security;

alter table progress force row level security;

create policy progress_read on progress for select using (
    (select app_sees_all())
    or user_id = (select app_user_id())
    or exists (
        select from classroom_members m
        where m.user_id = progress.user_id and m.classroom_id = any((select app_taught_ids())::uuid[])
    )
);

create policy progress_insert on progress for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy progress_update on progress for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy progress_delete on progress for delete using ((select app_sees_all()));

grant select, insert, update, delete on progress to studygraph_app;

alter table scores enable row level security;

alter table scores force row level security;

create policy scores_read on scores for select using (
    (select app_sees_all())
    or user_id = (select app_user_id())
    or exists (
        select from classroom_members m
        where m.user_id = scores.user_id and m.classroom_id = any((select app_taught_ids())::uuid[])
    )
);

create policy scores_insert on scores for insert with check ((select app_sees_all()));

create policy scores_update on scores for update using ((select app_sees_all()));

create policy scores_delete on scores for delete using ((select app_sees_all()));

grant select, insert, update, delete on scores to studygraph_app;

alter table study_items enable row level security;

alter table study_items force row level security;

create policy study_items_read on study_items for select using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy study_items_insert on study_items for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy study_items_update on study_items for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy study_items_delete on study_items for delete using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

grant select, insert, update, delete on study_items to studygraph_app;

alter table notes enable row level security;

alter table notes force row level security;

create policy notes_read on notes for select using ((select app_sees_all()) or user_id = (select app_user_id()));

create policy notes_insert on notes for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy notes_update on notes for update using ((select app_sees_all()) or user_id = (select app_user_id()));

create policy notes_delete on notes for delete using ((select app_sees_all()) or user_id = (select app_user_id()));

grant select, insert, update, delete on notes to studygraph_app;
