-- People, classrooms, meetings, assessments (seed 001, with the rules of seed 003). Revision 0001 runs this file.
-- Statements end with a semicolon at the end of a line.

-- Where the server has it; the columns of later revisions know what to be without. A superuser may have made it, and the
-- role below, before (init.sql): then whoever migrates needs no right to.
do $$ begin
    if exists (select from pg_available_extensions where name = 'vector' and installed_version is null) then
        create extension if not exists vector; end if; end $$;

-- Whoever logs in, the application works as this role: it owns nothing and cannot bypass row security.
do $$ begin
    if not exists (select from pg_roles where rolname = 'studygraph_app') then
        create role studygraph_app nologin; end if; exception when duplicate_object or unique_violation then null; end $$;

do $$ begin
    execute format('grant studygraph_app to %I', current_user); exception when insufficient_privilege then
        if not pg_has_role(current_user, 'studygraph_app', 'member') then raise; end if; end $$;

grant usage on schema public to studygraph_app;

-- The viewer of the running transaction, as the lease set it. After a transaction the setting is '' and not NULL.
create function app_user_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;

create function app_classroom_ids() returns uuid[] language sql stable parallel safe
    as $$ select coalesce(nullif(current_setting('app.classroom_ids', true), ''), '{}')::uuid[] $$;

create function app_taught_ids() returns uuid[] language sql stable parallel safe
    as $$ select coalesce(nullif(current_setting('app.taught_ids', true), ''), '{}')::uuid[] $$;

create function app_sees_all() returns boolean language sql stable parallel safe
    as $$ select coalesce(current_setting('app.role', true), '') in ('admin', 'system') $$;

create table users (
    id uuid default gen_random_uuid() not null,
    email varchar(255) not null,
    password_hash varchar(255) not null,
    name varchar(100),
    role varchar(20) default 'student' not null,
    avatar_url varchar(500),
    last_login timestamptz,
    is_active boolean default true not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (email)
);

create index idx_users_email on users (email);

create index idx_users_role on users (role);

create table classrooms (
    id uuid default gen_random_uuid() not null,
    name varchar(200) not null,
    description text,
    subject varchar(100),
    teacher_id uuid not null,
    join_code varchar(8),
    is_active boolean default true not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(teacher_id) references users (id),
    unique (join_code)
);

create table classroom_members (
    id uuid default gen_random_uuid() not null,
    classroom_id uuid not null,
    user_id uuid not null,
    role varchar(20) default 'student' not null,
    joined_at timestamptz default now() not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (classroom_id, user_id),
    foreign key(classroom_id) references classrooms (id) on delete cascade,
    foreign key(user_id) references users (id) on delete cascade
);

create index idx_classroom_members_classroom on classroom_members (classroom_id, joined_at, id);

create index idx_classroom_members_user on classroom_members (user_id);

create table meetings (
    id uuid default gen_random_uuid() not null,
    classroom_id uuid not null,
    title varchar(200),
    description text,
    scheduled_at timestamptz not null,
    duration_minutes integer default 60 not null,
    status varchar(20) default 'scheduled' not null,
    meeting_url varchar(500),
    created_by uuid,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(classroom_id) references classrooms (id),
    foreign key(created_by) references users (id)
);

create index idx_meetings_classroom on meetings (classroom_id, scheduled_at, id);

create index idx_meetings_scheduled on meetings (scheduled_at);

create table recordings (
    id uuid default gen_random_uuid() not null,
    meeting_id uuid not null,
    file_url varchar(500) not null,
    duration_seconds integer,
    file_size_bytes bigint,
    transcript text,
    summary text,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(meeting_id) references meetings (id)
);

create index idx_recordings_meeting on recordings (meeting_id);

create table assessments (
    id uuid default gen_random_uuid() not null,
    classroom_id uuid not null,
    title varchar(200) not null,
    description text,
    type varchar(20) not null,
    total_points integer not null,
    due_date timestamptz,
    time_limit_minutes integer,
    is_proctored boolean default false not null,
    created_by uuid,
    grades_released_at timestamptz,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(classroom_id) references classrooms (id),
    foreign key(created_by) references users (id)
);

create index idx_assessments_classroom on assessments (classroom_id, created_at, id);

create table assessment_questions (
    id uuid default gen_random_uuid() not null,
    assessment_id uuid not null,
    question_text text not null,
    question_type varchar(20) not null,
    points integer not null,
    options jsonb,
    correct_answer text,
    order_index integer not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(assessment_id) references assessments (id) on delete cascade
);

create index idx_assessment_questions_assessment on assessment_questions (assessment_id, order_index);

create table submissions (
    id uuid default gen_random_uuid() not null,
    assessment_id uuid not null,
    user_id uuid not null,
    answers jsonb not null,
    score numeric(5, 2),
    submitted_at timestamptz default now() not null,
    graded_at timestamptz,
    graded_by uuid,
    feedback text,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (assessment_id, user_id),
    foreign key(assessment_id) references assessments (id),
    foreign key(user_id) references users (id),
    foreign key(graded_by) references users (id)
);

create index idx_submissions_user on submissions (user_id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
alter table users enable row level security;

alter table users force row level security;

create policy users_read on users for select using (
    (select app_sees_all())
    or id = (select app_user_id())
    or email = nullif((select current_setting('app.login_email', true)), '')
    or (select coalesce(current_setting('app.role', true), '') = 'service')
    or exists (
        select from classroom_members m
        where m.user_id = users.id and m.classroom_id = any((select app_classroom_ids())::uuid[])
    )
    -- Whoever answers for a classroom is shown on its page, a member or not.
    or exists (
        select from classrooms c where c.teacher_id = users.id and c.id = any((select app_classroom_ids())::uuid[])
    )
);

create policy users_insert on users for insert with check ((select app_sees_all()));

create policy users_update on users for update using ((select app_sees_all()) or id = (select app_user_id())) with check ((select app_sees_all()) or id = (select app_user_id()));

create policy users_delete on users for delete using ((select app_sees_all()));

grant select, insert, update, delete on users to studygraph_app;

alter table classrooms enable row level security;

alter table classrooms force row level security;

create policy classrooms_read on classrooms for select using (
    (select app_sees_all()) or id = any((select app_classroom_ids())::uuid[])
);

create policy classrooms_insert on classrooms for insert with check ((select app_sees_all()));

create policy classrooms_update on classrooms for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy classrooms_delete on classrooms for delete using ((select app_sees_all()));

grant select, insert, update, delete on classrooms to studygraph_app;

alter table classroom_members enable row level security;

alter table classroom_members force row level security;

create policy classroom_members_read on classroom_members for select using (
    (select app_sees_all()) or classroom_id = any((select app_classroom_ids())::uuid[]) or user_id = (select app_user_id())
);

create policy classroom_members_insert on classroom_members for insert with check ((select app_sees_all()));

create policy classroom_members_update on classroom_members for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy classroom_members_delete on classroom_members for delete using ((select app_sees_all()));

grant select, insert, update, delete on classroom_members to studygraph_app;

alter table meetings enable row level security;

alter table meetings force row level security;

create policy meetings_read on meetings for select using (
    (select app_sees_all()) or classroom_id = any((select app_classroom_ids())::uuid[])
);

create policy meetings_insert on meetings for insert with check ((select app_sees_all()));

create policy meetings_update on meetings for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy meetings_delete on meetings for delete using ((select app_sees_all()));

grant select, insert, update, delete on meetings to studygraph_app;

alter table recordings enable row level security;

alter table recordings force row level security;

create policy recordings_read on recordings for select using (
    (select app_sees_all()) or exists (select from meetings m where m.id = recordings.meeting_id)
);

create policy recordings_insert on recordings for insert with check ((select app_sees_all()));

create policy recordings_update on recordings for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy recordings_delete on recordings for delete using ((select app_sees_all()));

grant select, insert, update, delete on recordings to studygraph_app;

alter table assessments enable row level security;

alter table assessments force row level security;

create policy assessments_read on assessments for select using (
    (select app_sees_all()) or classroom_id = any((select app_classroom_ids())::uuid[])
);

create policy assessments_insert on assessments for insert with check ((select app_sees_all()));

create policy assessments_update on assessments for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy assessments_delete on assessments for delete using ((select app_sees_all()));

grant select, insert, update, delete on assessments to studygraph_app;

alter table assessment_questions enable row level security;

alter table assessment_questions force row level security;

create policy assessment_questions_read on assessment_questions for select using (
    (select app_sees_all()) or exists (select from assessments a where a.id = assessment_questions.assessment_id)
);

create policy assessment_questions_insert on assessment_questions for insert with check ((select app_sees_all()));

create policy assessment_questions_update on assessment_questions for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy assessment_questions_delete on assessment_questions for delete using ((select app_sees_all()));

grant select, insert, update, delete on assessment_questions to studygraph_app;

alter table submissions enable row level security;

alter table submissions force row level security;

create policy submissions_read on submissions for select using (
    (select app_sees_all())
    or user_id = (select app_user_id())
    or exists (
        select from assessments a
        where a.id = submissions.assessment_id and a.classroom_id = any((select app_taught_ids())::uuid[])
    )
);

create policy submissions_insert on submissions for insert with check ((select app_sees_all()));

create policy submissions_update on submissions for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy submissions_delete on submissions for delete using ((select app_sees_all()));

grant select, insert, update, delete on submissions to studygraph_app;
