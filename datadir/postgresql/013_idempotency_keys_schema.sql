-- What was done once under a key, and what was answered: whoever asks again within a day is told the same. Revision 0006
-- runs this file.

create table idempotency_keys (
    user_id uuid not null,
    key varchar(200) not null,
    fingerprint varchar(64) not null,
    answer text,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (user_id, key),
    foreign key(user_id) references users (id) on delete cascade
);

create index idx_idempotency_keys_created on idempotency_keys (created_at);

-- Row policies. Answers hold what their owner was shown: nobody else sees them, administrators included. The program
-- keeps them, and sweeps away those of anybody that are old.
alter table idempotency_keys enable row level security;

alter table idempotency_keys force row level security;

create policy idempotency_keys_read on idempotency_keys for select using (
    (select app_role()) = 'system' or user_id = (select app_user_id())
);

create policy idempotency_keys_insert on idempotency_keys for insert with check (
    (select app_role()) = 'system' or user_id = (select app_user_id())
);

create policy idempotency_keys_update on idempotency_keys for update using (
    (select app_role()) = 'system' or user_id = (select app_user_id())
);

create policy idempotency_keys_delete on idempotency_keys for delete using (
    (select app_role()) = 'system' or user_id = (select app_user_id())
);

grant select, insert, update, delete on idempotency_keys to studygraph_app;
