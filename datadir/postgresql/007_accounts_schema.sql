-- What belongs to an account (seeds 001, 002 and 004). Revision 0002 runs this file, and after
-- it 008, 009, 003, 004 and 010.
-- Statements end with a semicolon at the end of a line.

create function app_role() returns text language sql stable parallel safe
    as $$ select coalesce(current_setting('app.role', true), '') $$;

create table profiles (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    first_name varchar(100),
    last_name varchar(100),
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (user_id),
    foreign key(user_id) references users (id) on delete cascade
);

create table user_preferences (
    user_id uuid not null,
    theme varchar(20) default 'light' not null,
    language varchar(10) default 'en' not null,
    notification_email boolean default true not null,
    notification_push boolean default true not null,
    difficulty_preference integer default 3 not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (user_id),
    foreign key(user_id) references users (id) on delete cascade
);

create table subscriptions (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    plan varchar(20) default 'free' not null,
    status varchar(20) default 'active' not null,
    started_at timestamptz default now() not null,
    renews_at timestamptz,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    unique (user_id),
    foreign key(user_id) references users (id) on delete cascade
);

create table user_sessions (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    refresh_token_hash varchar(64) not null,
    remember_me boolean default false not null,
    user_agent varchar(500),
    last_activity timestamptz default now() not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(user_id) references users (id) on delete cascade,
    unique (refresh_token_hash)
);

create index idx_user_sessions_user on user_sessions (user_id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
-- An update's row has to pass before and after.
alter table profiles enable row level security;

alter table profiles force row level security;

create policy profiles_read on profiles for select using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy profiles_insert on profiles for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy profiles_update on profiles for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy profiles_delete on profiles for delete using ((select app_sees_all()));

grant select, insert, update, delete on profiles to studygraph_app;

alter table user_preferences enable row level security;

alter table user_preferences force row level security;

create policy user_preferences_read on user_preferences for select using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy user_preferences_insert on user_preferences for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy user_preferences_update on user_preferences for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy user_preferences_delete on user_preferences for delete using ((select app_sees_all()));

grant select, insert, update, delete on user_preferences to studygraph_app;

alter table subscriptions enable row level security;

alter table subscriptions force row level security;

create policy subscriptions_read on subscriptions for select using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy subscriptions_insert on subscriptions for insert with check ((select app_sees_all()));

create policy subscriptions_update on subscriptions for update using ((select app_sees_all()));

create policy subscriptions_delete on subscriptions for delete using ((select app_sees_all()));

grant select, insert, update, delete on subscriptions to studygraph_app;

alter table user_sessions enable row level security;

alter table user_sessions force row level security;

create policy user_sessions_read on user_sessions for select using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

-- A session begins before anybody is somebody: only the program writes one. Its owner may end it.
create policy user_sessions_insert on user_sessions for insert with check ((select app_sees_all()));

create policy user_sessions_update on user_sessions for update using (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy user_sessions_delete on user_sessions for delete using ((select app_sees_all()));

grant select, insert, update, delete on user_sessions to studygraph_app;
