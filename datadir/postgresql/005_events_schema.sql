-- Events wait here to be published, in the transaction of what happened; without Kafka they are the log. Revision 0001
-- runs this file.

create table outbox (
    position bigint generated always as identity,
    event_id uuid not null,
    topic text not null,
    partition integer not null,
    key text not null,
    type text not null,
    payload jsonb not null,
    at timestamptz not null,
    published_at timestamptz,
    log_offset bigint,
    created_at timestamptz default now() not null,
    primary key (position),
    unique (event_id)
);

create index outbox_unpublished on outbox (position) where published_at is null;

create index outbox_log on outbox (topic, partition, log_offset) where log_offset is not null;

-- Whoever acts may append; only the program itself, which publishes and consumes, may read.
alter table outbox enable row level security;

alter table outbox force row level security;

create policy outbox_append on outbox for insert with check (true);

create policy outbox_publish on outbox using (
    coalesce(current_setting('app.role', true), '') = 'system'
) with check (
    coalesce(current_setting('app.role', true), '') = 'system'
);

grant select, insert, update, delete on outbox to studygraph_app;
