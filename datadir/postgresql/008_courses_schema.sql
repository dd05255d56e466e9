-- Courses, lessons and who takes them (seed 004 names the tables). Revision 0002 runs this file.

create table courses (
    id uuid default gen_random_uuid() not null,
    title varchar(200) not null,
    description text,
    difficulty varchar(20) not null,
    status varchar(20) default 'draft' not null,
    instructor_id uuid not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(instructor_id) references users (id)
);

create index idx_courses_catalogue on courses (status, created_at, id);

create index idx_courses_instructor on courses (instructor_id);

create table lessons (
    id uuid default gen_random_uuid() not null,
    course_id uuid not null,
    title varchar(200) not null,
    content text not null,
    position integer not null,
    duration_minutes integer,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(course_id) references courses (id) on delete cascade
);

create index idx_lessons_course on lessons (course_id, position, id);

create table enrollments (
    id uuid default gen_random_uuid() not null,
    course_id uuid not null,
    user_id uuid not null,
    status varchar(20) default 'active' not null,
    progress_percent numeric(5, 2) default 0 not null,
    enrolled_at timestamptz default now() not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (course_id, user_id),
    foreign key(course_id) references courses (id),
    foreign key(user_id) references users (id)
);

create index idx_enrollments_course on enrollments (course_id, enrolled_at, id);

create index idx_enrollments_user on enrollments (user_id, enrolled_at, id);

create table user_progress (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    lesson_id uuid not null,
    completed_at timestamptz,
    time_spent_minutes integer default 0 not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (user_id, lesson_id),
    foreign key(user_id) references users (id),
    foreign key(lesson_id) references lessons (id) on delete cascade
);

create index idx_user_progress_lesson on user_progress (lesson_id);

create table course_analytics (
    course_id uuid not null,
    enrollment_count integer default 0 not null,
    completion_rate double precision,
    average_score double precision,
    average_time_minutes double precision,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (course_id),
    foreign key(course_id) references courses (id) on delete cascade
);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
-- An update's row has to pass before and after.
alter table courses enable row level security;

alter table courses force row level security;

create policy courses_read on courses for select using (
    (select app_sees_all())
    or instructor_id = (select app_user_id())
    or (status = 'published' and (select app_role()) in ('student', 'teacher'))
);

create policy courses_insert on courses for insert with check (
    (select app_sees_all()) or (instructor_id = (select app_user_id()) and (select app_role()) = 'teacher')
);

create policy courses_update on courses for update using (
    (select app_sees_all()) or instructor_id = (select app_user_id())
);

create policy courses_delete on courses for delete using ((select app_sees_all()));

grant select, insert, update, delete on courses to studygraph_app;

alter table lessons enable row level security;

alter table lessons force row level security;

-- Whoever sees the course. What a lesson says is for those who take it: columns are the door's to hide.
create policy lessons_read on lessons for select using (
    (select app_sees_all()) or exists (select from courses c where c.id = lessons.course_id)
);

create policy lessons_insert on lessons for insert with check (
    (select app_sees_all())
    or exists (select from courses c where c.id = lessons.course_id and c.instructor_id = (select app_user_id()))
);

create policy lessons_update on lessons for update using (
    (select app_sees_all())
    or exists (select from courses c where c.id = lessons.course_id and c.instructor_id = (select app_user_id()))
);

create policy lessons_delete on lessons for delete using (
    (select app_sees_all())
    or exists (select from courses c where c.id = lessons.course_id and c.instructor_id = (select app_user_id()))
);

grant select, insert, update, delete on lessons to studygraph_app;

alter table enrollments enable row level security;

alter table enrollments force row level security;

-- A course's policy must not ask here who takes it: the two would ask each other without end.
create policy enrollments_read on enrollments for select using (
    (select app_sees_all())
    or user_id = (select app_user_id())
    or exists (select from courses c where c.id = enrollments.course_id and c.instructor_id = (select app_user_id()))
);

create policy enrollments_insert on enrollments for insert with check (
    (select app_sees_all())
    or (user_id = (select app_user_id()) and exists (select from courses c where c.id = enrollments.course_id))
);

create policy enrollments_update on enrollments for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy enrollments_delete on enrollments for delete using ((select app_sees_all()));

grant select, insert, update, delete on enrollments to studygraph_app;

alter table user_progress enable row level security;

alter table user_progress force row level security;

create policy user_progress_read on user_progress for select using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy user_progress_insert on user_progress for insert with check (
    (select app_sees_all())
    or (user_id = (select app_user_id()) and exists (select from lessons l where l.id = user_progress.lesson_id))
);

create policy user_progress_update on user_progress for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy user_progress_delete on user_progress for delete using ((select app_sees_all()));

grant select, insert, update, delete on user_progress to studygraph_app;

alter table course_analytics enable row level security;

alter table course_analytics force row level security;

create policy course_analytics_read on course_analytics for select using (
    (select app_sees_all()) or exists (select from courses c where c.id = course_analytics.course_id)
);

create policy course_analytics_insert on course_analytics for insert with check ((select app_sees_all()));

create policy course_analytics_update on course_analytics for update using ((select app_sees_all()));

create policy course_analytics_delete on course_analytics for delete using ((select app_sees_all()));

grant select, insert, update, delete on course_analytics to studygraph_app;
