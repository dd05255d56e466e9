-- The key of each learner that closes personal texts of events, itself closed under a key made of the process's secret.
-- A row that is gone erases those texts wherever they rest. Revision 0003 runs this file.

create table learner_keys (
    user_id uuid not null,
    id uuid default gen_random_uuid() not null,
    wrapped_key bytea not null,
    wrapped_by varchar(16) not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (user_id),
    unique (id),
    foreign key(user_id) references users (id) on delete cascade
);

-- The program alone, whoever it acts for.
alter table learner_keys enable row level security;

alter table learner_keys force row level security;

create policy learner_keys_program on learner_keys using (
    (select app_role()) = 'system'
) with check (
    (select app_role()) = 'system'
);

grant select, insert, update, delete on learner_keys to studygraph_app;
