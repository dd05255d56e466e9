-- Evaluations of soft skills. Revision 0002 runs this file.

create table soft_skill_evaluations (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    session_type varchar(50) not null,
    overall_score double precision not null,
    skills jsonb not null,
    recording_key varchar(500),
    evaluated_by uuid,
    evaluated_at timestamptz default now() not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(user_id) references users (id),
    foreign key(evaluated_by) references users (id)
);

create index idx_soft_skill_evaluations_user on soft_skill_evaluations (user_id, evaluated_at, id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
-- An update's row has to pass before and after.
alter table soft_skill_evaluations enable row level security;

alter table soft_skill_evaluations force row level security;

create policy soft_skill_evaluations_read on soft_skill_evaluations for select using (
    (select app_sees_all())
    or user_id = (select app_user_id())
    or exists (
        select from classroom_members m
        where m.user_id = soft_skill_evaluations.user_id and m.classroom_id = any((select app_taught_ids())::uuid[])
    )
);

create policy soft_skill_evaluations_insert on soft_skill_evaluations for insert with check (
    (select app_sees_all())
    or (select app_role()) = 'service'
    or exists (
        select from classroom_members m
        where m.user_id = soft_skill_evaluations.user_id and m.classroom_id = any((select app_taught_ids())::uuid[])
    )
);

create policy soft_skill_evaluations_update on soft_skill_evaluations for update using ((select app_sees_all()));

create policy soft_skill_evaluations_delete on soft_skill_evaluations for delete using ((select app_sees_all()));

grant select, insert, update, delete on soft_skill_evaluations to studygraph_app;
